import { publish } from './diagnostics.js';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { loadScript } from './scripts.js';

const consumeQuota = loadScript('consume-quota');
const NUMBERS_PER_POLICY = 4;

/** So much in so long, under a name. */
export interface Policy {
  readonly name: string;
  /** How much a client may consume in any window. */
  readonly limit: number;
  /** Length of the trailing window in milliseconds. */
  readonly windowMs: number;
}

/** Where a client stands with one policy. */
export interface Quota extends Policy {
  readonly used: number;
  readonly remaining: number;
  /** Milliseconds until the oldest charge leaves the window; 0 when nothing is charged. */
  readonly resetMs: number;
  /** Milliseconds until the cost that was asked for would be admitted; Infinity when it exceeds the limit. */
  readonly retryAfterMs: number;
}

export interface Verdict {
  readonly admitted: boolean;
  readonly quotas: readonly Quota[];
}

/**
 * A limiter over sliding windows in Redis: all policies are decided and charged in one script call, by Redis'
 * clock. A rejection changes nothing. A window is kept as 10 buckets plus the current one: no trailing window
 * ever admits more than its limit, and a charge is forgotten at most 1/10 of a window late.
 */
export function rateLimiter(
  redis: RedisClient,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
) {
  const link = linkTo(redis);
  const names = keys(prefix);
  return {
    async consume(client: string, policies: readonly Policy[], cost = 1): Promise<Verdict> {
      const numbers = await link.run<number[]>(
        consumeQuota,
        policies.map((policy) => names.rate(client, policy.name)),
        [cost, ...policies.flatMap(({ limit, windowMs }) => [limit, windowMs])],
        { timeoutMs },
      );
      const verdict = {
        admitted: numbers[0] === 1,
        quotas: policies.map((policy, index) => quotaOf(policy, numbers, 1 + index * NUMBERS_PER_POLICY)),
      };
      publish(verdict.admitted ? 'admitted' : 'refused', () => ({ client, ...verdict }));
      return verdict;
    },
  };
}

export type RateLimiter = ReturnType<typeof rateLimiter>;

function quotaOf(policy: Policy, numbers: readonly number[], at: number): Quota {
  const [used = 0, resetMs = 0, fitsInMs = 0] = numbers.slice(at, at + NUMBERS_PER_POLICY);
  return {
    ...policy,
    used,
    remaining: Math.max(0, policy.limit - used),
    resetMs,
    retryAfterMs: fitsInMs < 0 ? Number.POSITIVE_INFINITY : fitsInMs,
  };
}
