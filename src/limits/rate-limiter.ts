import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient } from '../redis/index.js';
import { type Batch, type ConsumeReply, parseVerdict } from './batch-verdicts.js';
import { type CounterTerms, counterName } from './counter-name.js';
import type { Policy, QuotaVerdict } from './quota.js';

const consumeQuota = loadScript('consume-quota');
const refundQuota = loadScript('refund-quota');
const adjustQuota = loadScript('adjust-quota');

const ALGORITHM_LETTERS = { 'sliding-window': 's', 'fixed-window': 'f', 'token-bucket': 't' } as const;

export interface RateLimiterOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Names the limiter in the key of a block. */
  readonly name: string;
}

/**
 * A limiter in Redis. One script call decides and charges all policies of a client, by Redis' clock; a rejection
 * changes nothing. A sliding window is kept as the current bucket and the 10 before it: look back `windowMs` from any
 * moment, and never more than `limit` was admitted. The price: Redis forgets a charge up to a tenth of a window late.
 */
export class RateLimiter {
  readonly #link;
  readonly #names;
  readonly #ask;
  readonly #name: string;
  readonly #batches = new Map<string, Batch>();

  constructor(redis: RedisClient, { prefix, timeoutMs, name }: RateLimiterOptions) {
    this.#link = linkTo(redis);
    this.#names = keys(prefix);
    this.#ask = { timeoutMs };
    this.#name = name;
  }

  /** Decides, and charges every policy if all of them admit. With cost 0 it only looks. */
  consume(client: string, policies: readonly Policy[], cost = 1): Promise<QuotaVerdict> {
    const batch = this.#batchFor(client, policies, cost);
    batch.size += 1;
    const nth = batch.size;
    return batch.reply.then((reply) => parseVerdict(batch, reply, nth));
  }

  /** Gives back a charge that `consume` made, as long as its window lasts. */
  async refund(client: string, { quotas, charges }: QuotaVerdict, cost: number): Promise<void> {
    const args = quotas.flatMap((quota, i) => [...terms(quota), charges[i]!.bucket, charges[i]!.salt]);
    await this.#link.run(refundQuota, this.#keysOf(client, quotas), [cost, ...args], this.#ask);
  }

  /** Charges points whatever the limits are; a negative number forgives them. */
  async adjust(client: string, policies: readonly Policy[], points: number): Promise<void> {
    const args = [points, ...policies.flatMap(terms)];
    await this.#link.run(adjustQuota, this.#keysOf(client, policies), args, this.#ask);
  }

  /** Forgets a client's charges and its block. */
  async reset(client: string, policies: readonly CounterTerms[]): Promise<void> {
    const forgotten = [this.#names.rateBlock(client, this.#name), ...this.#keysOf(client, policies)];
    await this.#link.send('unlink', forgotten, this.#ask);
  }

  /** Refuses a client of this limiter for a time, whatever its quotas. */
  async block(client: string, durationMs: number): Promise<void> {
    await this.#link.send(
      'set',
      [this.#names.rateBlock(client, this.#name), '1', 'PX', durationMs],
      this.#ask,
    );
  }

  // One call decides all requests of a client in one event-loop turn: browsers send several at once.
  #batchFor(client: string, policies: readonly Policy[], cost: number): Batch {
    const known = this.#batches.get(client);
    if (known?.policies === policies && known.cost === cost) return known;
    const reply = new Promise<ConsumeReply>((resolve) => {
      this.#link.beforeSending(() => {
        this.#batches.clear();
        resolve(this.#decide(client, batch));
      });
    });
    const batch: Batch = { policies, cost, size: 0, reply };
    this.#batches.set(client, batch);
    return batch;
  }

  #decide(client: string, { policies, cost, size }: Batch): Promise<ConsumeReply> {
    const names = [this.#names.rateBlock(client, this.#name), ...this.#keysOf(client, policies)];
    return this.#link.run(consumeQuota, names, [cost, size, ...policies.flatMap(terms)], this.#ask);
  }

  #keysOf(client: string, policies: readonly CounterTerms[]): string[] {
    return policies.map((policy) => this.#names.rate(client, counterName(policy)));
  }
}

// More than a counter holds: an unlimited client is counted, and never refused.
const UNLIMITED = Number.MAX_SAFE_INTEGER;

function terms({ algorithm, limit, windowMs }: Policy): (string | number)[] {
  return [ALGORITHM_LETTERS[algorithm], Math.min(limit, UNLIMITED), windowMs];
}
