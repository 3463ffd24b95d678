import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient } from '../redis/index.js';
import { type Batch, parseVerdict, type Reply } from './batch-verdicts.js';
import type { Policy, Quota, Verdict } from './quota.js';

const consumeQuota = loadScript('consume-quota');
const refundQuota = loadScript('refund-quota');
const adjustQuota = loadScript('adjust-quota');

const LETTERS = { 'sliding-window': 's', 'fixed-window': 'f', 'token-bucket': 't' } as const;

/**
 * A limiter in Redis: all policies of a client are decided and charged in one script call, by Redis' clock. A
 * rejection changes nothing. A sliding window is kept as 10 buckets and the current one: no trailing window ever
 * admits more than its limit, and a charge is forgotten at most a tenth of a window late.
 */
export function rateLimiter(
  redis: RedisClient,
  { prefix, timeoutMs, name }: { readonly prefix: string; readonly timeoutMs: number; readonly name: string },
) {
  const link = linkTo(redis);
  const names = keys(prefix);
  const ask = { timeoutMs };
  const keysOf = (client: string, policies: readonly Counted[]) =>
    policies.map((policy) => names.rate(client, policy.countedAs ?? policy.name));

  const batches = new Map<string, Batch>();
  const decide = async (client: string, { policies, cost, size }: Batch) =>
    link.run<Reply>(
      consumeQuota,
      [names.rateBlock(client, name), ...keysOf(client, policies)],
      [cost, size, ...policies.flatMap(terms)],
      ask,
    );
  // A client that asks several times in one turn, as browsers do, is decided in one call.
  const batchFor = (client: string, policies: readonly Policy[], cost: number): Batch => {
    const known = batches.get(client);
    if (known?.policies === policies && known.cost === cost) return known;
    const reply = new Promise<Reply>((resolve) => {
      link.beforeSending(() => {
        batches.clear();
        resolve(decide(client, batch));
      });
    });
    const batch: Batch = { policies, cost, size: 0, reply };
    batches.set(client, batch);
    return batch;
  };

  return {
    /** Decides, and charges every policy when all admit. With cost 0 it only looks. */
    consume(client: string, policies: readonly Policy[], cost = 1): Promise<Verdict> {
      const batch = batchFor(client, policies, cost);
      batch.size += 1;
      const nth = batch.size;
      return batch.reply.then((reply) => parseVerdict(batch, reply, nth));
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
    async reset(client: string, policies: readonly Counted[]): Promise<void> {
      await link.send('unlink', [names.rateBlock(client, name), ...keysOf(client, policies)], ask);
    },

    /** Refuses a client of this limiter for a time, whatever its quotas. */
    async block(client: string, durationMs: number): Promise<void> {
      await link.send('set', [names.rateBlock(client, name), '1', 'PX', durationMs], ask);
    },
  };
}

type Counted = Pick<Policy, 'name' | 'countedAs'>;

export type RateLimiter = ReturnType<typeof rateLimiter>;

function terms({ algorithm, limit, windowMs }: Policy): (string | number)[] {
  return [LETTERS[algorithm], limit, windowMs];
}
