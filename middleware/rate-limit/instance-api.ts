import { ToolkitError } from '../../src/errors.js';
import type { Policy, Quota, QuotaVerdict, RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { aPositiveInteger } from '../../src/read-options.js';
import { tightest } from './headers.js';
import type { RateLimitInfo } from './options.js';
import { type DeclaredPolicy, fixedPolicies, hasFixedWindow, present } from './policies.js';

/** What can be done with a client's quota from anywhere. Keys are what `keyGenerator` returns. */
export interface RateLimitCalls {
  /** Where a client stands, without charging it. */
  peek(key: string): Promise<RateLimitInfo>;
  /** Forgets what a client was charged, and a block; noticed by other processes within 5 s. Needs `windowMs` to be a number. */
  reset(key: string): Promise<void>;
  /** Refuses a client of this limiter for so many milliseconds, whatever its quota. */
  block(key: string, durationMs: number): Promise<void>;
  /** Charges points, even beyond the limit. */
  penalty(key: string, points?: number): Promise<void>;
  /** Forgives points, the latest first, never below zero. */
  reward(key: string, points?: number): Promise<void>;
}

export function rateLimitCalls(
  limiter: RateLimiter,
  refused: RefusedClients,
  declared: readonly DeclaredPolicy[],
): RateLimitCalls {
  const fixed = fixedPolicies(declared);
  const policies = (call: string): readonly Policy[] => {
    if (fixed) return fixed;
    throw new ToolkitError(
      'RATE_LIMIT_DEPENDS_ON_REQUEST',
      `rateLimit.${call}: limit and windowMs depend on the request`,
    );
  };
  // Counts of windows whose lengths are not known here cannot be found.
  const resettable = (call: string) => (declared.every(hasFixedWindow) ? declared : policies(call));
  const points = (call: string, value: number): number => {
    const complaint = aPositiveInteger('points', 1_000_000_000)(value);
    if (complaint) throw new ToolkitError('OPTION_INVALID', `rateLimit.${call}: points ${complaint}`);
    return value;
  };
  return {
    peek: async (key: string) => infoOf(key, await limiter.consume(present(key), policies('peek'), 0)),
    async reset(key: string) {
      refused.forget(present(key));
      await limiter.reset(key, resettable('reset'));
      refused.forget(key);
    },
    async block(key: string, durationMs: number) {
      const complaint = aPositiveInteger('milliseconds')(durationMs);
      if (complaint) throw new ToolkitError('OPTION_INVALID', `rateLimit.block: durationMs ${complaint}`);
      await limiter.block(present(key), durationMs);
    },
    penalty: async (key: string, value = 1) =>
      limiter.adjust(present(key), policies('penalty'), points('penalty', value)),
    async reward(key: string, value = 1) {
      await limiter.adjust(present(key), policies('reward'), -points('reward', value));
      refused.forget(key);
    },
  };
}

export function infoOf(key: string, { quotas, at }: QuotaVerdict): RateLimitInfo {
  const { limit, used, remaining, resetMs }: Quota = tightest(quotas);
  return { limit, used, remaining, resetTime: new Date(at + resetMs), key, policies: quotas };
}
