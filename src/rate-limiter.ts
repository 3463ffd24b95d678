import { publish } from './diagnostics.js';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { loadScript } from './scripts.js';

const consumeQuota = loadScript('consume-quota');
const refundQuota = loadScript('refund-quota');
const adjustQuota = loadScript('adjust-quota');

const HEAD_NUMBERS = 3;
const NUMBERS_PER_POLICY = 5;

export type Algorithm = 'sliding-window' | 'fixed-window' | 'token-bucket';
const LETTERS = { 'sliding-window': 's', 'fixed-window': 'f', 'token-bucket': 't' } as const;

/** So much in so long, under a name. */
export interface Policy {
  readonly name: string;
  /** How much a client may consume in any window; the size of the bucket with `token-bucket`. */
  readonly limit: number;
  /** Length of the window in milliseconds; with `token-bucket`, the time in which an empty bucket fills. */
  readonly windowMs: number;
  readonly algorithm: Algorithm;
}

/** Names a charge: its bucket or window, and the state that it was made in. */
export interface Charge {
  readonly place: number;
  readonly salt: number;
}

/** Where a client stands with one policy. */
export interface Quota extends Policy {
  readonly used: number;
  readonly remaining: number;
  /** Milliseconds until more of the quota is there; 0 when all of it is. */
  readonly resetMs: number;
  /** Milliseconds until the cost that was asked for would be admitted; Infinity when it exceeds the limit. */
  readonly retryAfterMs: number;
  /** Where the charge lies, for a refund. */
  readonly charge: Charge;
}

export interface Verdict {
  readonly admitted: boolean;
  /** Milliseconds for which the client is blocked whatever its quotas; 0 when it is not. */
  readonly blockedMs: number;
  /** Redis' clock at the decision, in milliseconds. */
  readonly at: number;
  readonly quotas: readonly Quota[];
}

/**
 * A limiter in Redis: all policies of a client are decided and charged in one script call, by Redis' clock. A
 * rejection changes nothing. A sliding window is kept as 10 buckets and the current one: no trailing window ever
 * admits more than its limit, and a charge is forgotten at most a tenth of a window late.
 */
export function rateLimiter(
  redis: RedisClient,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
) {
  const link = linkTo(redis);
  const names = keys(prefix);
  const ask = { timeoutMs };
  const keysOf = (client: string, policies: readonly { readonly name: string }[]) =>
    policies.map(({ name }) => names.rate(client, name));

  return {
    /** Decides, and charges every policy when all admit. With cost 0 it only looks. */
    async consume(client: string, policies: readonly Policy[], cost = 1): Promise<Verdict> {
      const reply = await link.run<number[]>(
        consumeQuota,
        [names.rateBlock(client), ...keysOf(client, policies)],
        [cost, ...policies.flatMap(terms)],
        ask,
      );
      const verdict = parseVerdict(policies, reply);
      publish(verdict.admitted ? 'admitted' : 'refused', () => ({ client, cost, ...verdict }));
      return verdict;
    },

    /** Takes back a charge that `consume` made, as long as its window lasts. */
    async refund(client: string, quotas: readonly Quota[], cost: number): Promise<void> {
      const args = quotas.flatMap((quota) => [...terms(quota), quota.charge.place, quota.charge.salt]);
      await link.run(refundQuota, keysOf(client, quotas), [cost, ...args], ask);
    },

    /** Charges points whatever the limits say; below zero, forgives them. */
    async adjust(client: string, policies: readonly Policy[], points: number): Promise<void> {
      await link.run(adjustQuota, keysOf(client, policies), [points, ...policies.flatMap(terms)], ask);
    },

    /** Forgets what a client was charged, and a block. */
    async reset(client: string, policies: readonly { readonly name: string }[]): Promise<void> {
      await link.send('unlink', [names.rateBlock(client), ...keysOf(client, policies)], ask);
    },

    /** Refuses a client for a time, whatever its quotas. */
    async block(client: string, durationMs: number): Promise<void> {
      await link.send('set', [names.rateBlock(client), '1', 'PX', durationMs], ask);
    },
  };
}

export type RateLimiter = ReturnType<typeof rateLimiter>;

function terms({ algorithm, limit, windowMs }: Policy): (string | number)[] {
  return [LETTERS[algorithm], limit, windowMs];
}

function parseVerdict(policies: readonly Policy[], reply: readonly number[]): Verdict {
  const [admitted, at, blockedMs] = reply;
  return {
    admitted: admitted === 1,
    at: at!,
    blockedMs: blockedMs!,
    quotas: policies.map((policy, index) => {
      const first = HEAD_NUMBERS + index * NUMBERS_PER_POLICY;
      const [used, resetMs, waitMs, place, salt] = reply.slice(first, first + NUMBERS_PER_POLICY) as [
        number,
        number,
        number,
        number,
        number,
      ];
      return {
        ...policy,
        used,
        remaining: Math.max(0, policy.limit - used),
        resetMs,
        retryAfterMs: waitMs < 0 ? Number.POSITIVE_INFINITY : waitMs,
        charge: { place, salt },
      };
    }),
  };
}
