import { ToolkitError } from '../../src/errors.js';
import type { Policy, RateLimiter, RefusedClients } from '../../src/limits/index.js';
import { aPositiveInteger, type Check, readOptions } from '../../src/read-options.js';
import { aLimit, aWindow, type RateLimitInfo, type RateLimitKey } from './options.js';
import { clientKey, type DeclaredPolicy, fixedPolicies, hasFixedWindow } from './policies.js';
import { infoOf } from './request-info.js';

/** Methods of a limiter to inspect and change a client's quota. Keys are those of `keyGenerator`. */
export interface RateLimitCalls {
  /**
   * Returns a client's quota without charging it.
   *
   * @param terms the numbers for policies whose `limit` or `windowMs` is a function, such as those of a plan
   * @example
   * await limiter.peek(user.id, { limit: planOf(user).limit });
   */
  peek(key: RateLimitKey, terms?: RateLimitTerms): Promise<RateLimitInfo>;
  /** Removes a client's charges and its block. Other processes notice it within 1 s. */
  reset(key: RateLimitKey, terms?: RateLimitTerms): Promise<void>;
  /** Refuses a client of this limiter for some milliseconds, whatever its quota is. */
  block(key: RateLimitKey, durationMs: number): Promise<void>;
  /** Charges points, even beyond the limit. */
  penalty(key: RateLimitKey, points?: number, terms?: RateLimitTerms): Promise<void>;
  /** Gives points back, the latest charges first, never below zero. */
  reward(key: RateLimitKey, points?: number, terms?: RateLimitTerms): Promise<void>;
  /** As in express-rate-limit: the hits of a client and when they are forgotten; undefined for a client without any. */
  getKey(
    key: RateLimitKey,
    terms?: RateLimitTerms,
  ): Promise<{ totalHits: number; resetTime: Date } | undefined>;
  /** As in express-rate-limit: the same as `reset`. */
  resetKey(key: RateLimitKey, terms?: RateLimitTerms): Promise<void>;
}

/** The numbers of one client, for a `limit` or `windowMs` that is a function of the request. */
export interface RateLimitTerms {
  readonly limit?: number;
  readonly windowMs?: number;
}

const MAX_POINTS = 1_000_000_000;
const somePoints = aPositiveInteger('points', MAX_POINTS);
const aDuration = aPositiveInteger('milliseconds');
const termsChecks = { limit: aLimit, windowMs: aWindow };

export function rateLimitCalls(
  limiter: RateLimiter,
  refused: RefusedClients,
  declared: readonly DeclaredPolicy[],
): RateLimitCalls {
  const fixed = fixedPolicies(declared);
  const policiesFor = (method: string, terms?: RateLimitTerms): readonly Policy[] =>
    fixed && terms === undefined ? fixed : policiesWith(method, declared, terms);
  const peek = async (key: RateLimitKey, terms?: RateLimitTerms) => {
    const client = clientKey('peek', key);
    return infoOf(client, await limiter.consume(client, policiesFor('peek', terms), 0));
  };
  const reset = async (key: RateLimitKey, terms?: RateLimitTerms) => {
    const client = clientKey('reset', key);
    // Counters whose windows depend on the request can only be found by their windows.
    const counters = declared.every(hasFixedWindow) ? declared : policiesFor('reset', { limit: 1, ...terms });
    refused.forget(client);
    await limiter.reset(client, counters);
    refused.forget(client);
  };
  return {
    peek,
    reset,
    resetKey: reset,
    async getKey(key, terms) {
      // Hits do not depend on the limit, except in a bucket, which is refilled by it.
      const anyLimit = declared.every(({ algorithm }) => algorithm !== 'token-bucket') && {
        limit: MAX_POINTS,
      };
      const { used, resetTime } = await peek(key, fixed ? terms : { ...anyLimit, ...terms });
      return used > 0 ? { totalHits: used, resetTime } : undefined;
    },
    async block(key, durationMs) {
      const client = clientKey('block', key);
      const counters = declared.filter(hasFixedWindow);
      await limiter.block(client, checked('block', 'durationMs', durationMs, aDuration), counters);
    },
    async penalty(key, points = 1, terms = undefined) {
      const charged = checked('penalty', 'points', points, somePoints);
      await limiter.adjust(clientKey('penalty', key), policiesFor('penalty', terms), charged);
    },
    async reward(key, points = 1, terms = undefined) {
      const client = clientKey('reward', key);
      const forgiven = checked('reward', 'points', points, somePoints);
      await limiter.adjust(client, policiesFor('reward', terms), -forgiven);
      refused.forget(client);
    },
  };
}

function policiesWith(
  method: string,
  declared: readonly DeclaredPolicy[],
  given: RateLimitTerms = {},
): readonly Policy[] {
  const terms = readOptions(`rateLimit.${method}`, given, termsChecks, {});
  return declared.map((policy) => withTerms(method, policy, terms));
}

function withTerms(method: string, policy: DeclaredPolicy, terms: RateLimitTerms): Policy {
  const numberOf = (name: 'limit' | 'windowMs'): number => {
    const declared = policy[name];
    if (typeof declared === 'number') return declared;
    const given = terms[name];
    if (given !== undefined) return given;
    throw new ToolkitError(
      'RATE_LIMIT_DEPENDS_ON_REQUEST',
      `rateLimit.${method}: ${name} depends on the request; give it as the last argument: { ${name}: 100 }`,
    );
  };
  return { ...policy, limit: numberOf('limit'), windowMs: numberOf('windowMs') };
}

function checked(method: string, argument: string, value: number, check: Check): number {
  const complaint = check(value);
  if (complaint === undefined) return value;
  throw new ToolkitError('OPTION_INVALID', `rateLimit.${method}: argument "${argument}" ${complaint}`);
}
