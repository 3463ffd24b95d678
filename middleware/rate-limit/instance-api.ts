import { ToolkitError } from '../../src/errors.js';
import type { Policy, RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { aPositiveInteger, type Check } from '../../src/read-options.js';
import type { RateLimitInfo, RateLimitKey } from './options.js';
import { clientKey, type DeclaredPolicy, fixedPolicies, hasFixedWindow } from './policies.js';
import { infoOf } from './request-info.js';

/** Methods of a limiter to inspect and change a client's quota. Keys are those of `keyGenerator`. */
export interface RateLimitCalls {
  /** Returns a client's quota without charging it. */
  peek(key: RateLimitKey): Promise<RateLimitInfo>;
  /** Removes a client's charges and its block. Other processes notice it within 5 s. Needs `windowMs` to be a number. */
  reset(key: RateLimitKey): Promise<void>;
  /** Refuses a client of this limiter for some milliseconds, whatever its quota is. */
  block(key: RateLimitKey, durationMs: number): Promise<void>;
  /** Charges points, even beyond the limit. */
  penalty(key: RateLimitKey, points?: number): Promise<void>;
  /** Gives points back, the latest charges first, never below zero. */
  reward(key: RateLimitKey, points?: number): Promise<void>;
}

const MAX_POINTS = 1_000_000_000;
const somePoints = aPositiveInteger('points', MAX_POINTS);
const aDuration = aPositiveInteger('milliseconds');

export function rateLimitCalls(
  limiter: RateLimiter,
  refused: RefusedClients,
  declared: readonly DeclaredPolicy[],
): RateLimitCalls {
  const fixed = fixedPolicies(declared);
  const policiesFor = (method: string): readonly Policy[] => {
    if (fixed) return fixed;
    throw new ToolkitError(
      'RATE_LIMIT_DEPENDS_ON_REQUEST',
      `rateLimit.${method}: limit and windowMs depend on the request`,
    );
  };
  return {
    async peek(key) {
      const client = clientKey('peek', key);
      return infoOf(client, await limiter.consume(client, policiesFor('peek'), 0));
    },
    async reset(key) {
      const client = clientKey('reset', key);
      // Counters whose windows depend on the request cannot be found.
      const counters = declared.every(hasFixedWindow) ? declared : policiesFor('reset');
      refused.forget(client);
      await limiter.reset(client, counters);
      refused.forget(client);
    },
    async block(key, durationMs) {
      const client = clientKey('block', key);
      const counters = declared.filter(hasFixedWindow);
      await limiter.block(client, checked('block', 'durationMs', durationMs, aDuration), counters);
    },
    async penalty(key, points = 1) {
      const charged = checked('penalty', 'points', points, somePoints);
      await limiter.adjust(clientKey('penalty', key), policiesFor('penalty'), charged);
    },
    async reward(key, points = 1) {
      const client = clientKey('reward', key);
      await limiter.adjust(client, policiesFor('reward'), -checked('reward', 'points', points, somePoints));
      refused.forget(client);
    },
  };
}

function checked(method: string, argument: string, value: number, check: Check): number {
  const complaint = check(value);
  if (complaint === undefined) return value;
  throw new ToolkitError('OPTION_INVALID', `rateLimit.${method}: argument "${argument}" ${complaint}`);
}
