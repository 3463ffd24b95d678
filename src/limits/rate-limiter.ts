import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient, whenReset } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { type Batch, type ConsumeReply, parseVerdict } from './batch-verdicts.js';
import { BlockList } from './blocked-clients.js';
import { type CounterTerms, counterName } from './counter-name.js';
import type { Charge, Policy, QuotaVerdict } from './quota.js';
import { Tallies, type TallyCharge } from './tallies.js';

const consumeQuota = loadScript('consume-quota');
const refundQuota = loadScript('refund-quota');
const adjustQuota = loadScript('adjust-quota');
const blockClient = loadScript('block-client');

const ALGORITHM_LETTERS = { 'sliding-window': 's', 'fixed-window': 'f', 'token-bucket': 't' } as const;

export interface RateLimiterOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Names the limiter in the key of a block. */
  readonly name: string;
  /**
   * Charge by tally where that is safe; on by default. Not if the windows depend on the request, because `block` has to
   * find the tallies, nor where refunds are common, because each closes one.
   */
  readonly tallies?: boolean;
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
  readonly #blocks: BlockList;
  readonly #tallies: Tallies | undefined;
  readonly #counters = new Map<string, CounterTerms>();
  readonly #batches = new Map<string, Batch>();

  constructor(redis: RedisClient, { prefix, timeoutMs, name, tallies = true }: RateLimiterOptions) {
    this.#link = linkTo(redis);
    this.#names = keys(prefix);
    this.#ask = { timeoutMs };
    this.#name = name;
    this.#blocks = new BlockList(this.#link, this.#names, timeoutMs);
    this.#tallies = tallies ? new Tallies(this.#link, this.#ask) : undefined;
    whenReset(redis, () => this.#tallies?.clear());
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
    await this.#giveBack(client, quotas, charges, cost);
  }

  #giveBack(client: string, policies: readonly Policy[], charges: readonly Charge[], cost: number) {
    const args = policies.flatMap((policy, i) => [...terms(policy), charges[i]!.bucket, charges[i]!.salt]);
    return this.#link.run(refundQuota, this.#keysOf(client, policies), [cost, ...args], this.#ask);
  }

  /** Charges points whatever the limits are; a negative number forgives them. */
  async adjust(client: string, policies: readonly Policy[], points: number): Promise<void> {
    const args = [points, ...policies.flatMap(terms)];
    await this.#link.run(adjustQuota, this.#keysOf(client, policies), args, this.#ask);
  }

  /** Forgets a client's charges and its block. */
  async reset(client: string, policies: readonly CounterTerms[]): Promise<void> {
    const counters = this.#keysOf(client, policies);
    const forgotten = counters.length > 0 ? this.#link.send('unlink', counters, this.#ask) : undefined;
    await Promise.all([forgotten, this.unblock(client)]);
  }

  /** Refuses a client of this limiter for a time, whatever its quotas. */
  async block(
    client: string,
    durationMs: number,
    counters: Iterable<CounterTerms> = this.#counters.values(),
  ): Promise<void> {
    const sliding = [...counters].filter(({ algorithm }) => algorithm === 'sliding-window');
    const names = this.#keysOf(client, sliding, this.#name);
    const blocked = this.#link.run(blockClient, names, [durationMs], this.#ask);
    await Promise.all([blocked, this.#blocks.add(this.#name, client, durationMs)]);
  }

  /** Ends the block of a client; its charges stay. Resolves to whether it was blocked. */
  async unblock(client: string): Promise<boolean> {
    const block = this.#names.rateBlock(client, this.#name);
    const wasBlocked = Number(await this.#link.send<number | string>('unlink', [block], this.#ask)) === 1;
    if (wasBlocked) await this.#blocks.remove(this.#name, client);
    return wasBlocked;
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

  #decide(client: string, batch: Batch): Promise<ConsumeReply> {
    const [policy] = batch.policies;
    if (!this.#tallies || batch.policies.length > 1 || policy?.algorithm !== 'sliding-window')
      return this.#askScript(client, batch);
    const name = counterName(policy);
    if (!this.#counters.has(name)) this.#counters.set(name, policy);
    const key = this.#names.rateTally(client, name);
    const charge = { key, policy, points: batch.cost * batch.size };
    return this.#decideByTally(client, batch, this.#tallies, charge);
  }

  async #decideByTally(
    client: string,
    batch: Batch,
    tallies: Tallies,
    charge: TallyCharge,
  ): Promise<ConsumeReply> {
    if (tallies.mayCharge(charge)) {
      const { reply, takeBack } = await tallies.charge(charge);
      if (reply) return reply;
      // Awaited: a script that Redis does not know yet would run after the next one.
      if (takeBack) await this.#giveBack(client, [charge.policy], [takeBack], charge.points);
    }
    const askedAt = monotonicNow();
    const reply = await this.#askScript(client, batch);
    tallies.learn(charge.key, charge.policy, askedAt, reply);
    return reply;
  }

  #askScript(client: string, { policies, cost, size }: Batch): Promise<ConsumeReply> {
    const names = this.#keysOf(client, policies, this.#name);
    return this.#link.run(consumeQuota, names, [cost, size, ...policies.flatMap(terms)], this.#ask);
  }

  /** The keys of a client: of its block if a limiter is named, of its counters, and of their tallies. */
  #keysOf(client: string, policies: readonly CounterTerms[], limiter?: string): string[] {
    const counters = policies.map(counterName);
    return [
      ...(limiter === undefined ? [] : [this.#names.rateBlock(client, limiter)]),
      ...counters.map((counter) => this.#names.rate(client, counter)),
      ...counters.map((counter) => this.#names.rateTally(client, counter)),
    ];
  }
}

// More than a counter holds: an unlimited client is counted, and never refused.
const UNLIMITED = Number.MAX_SAFE_INTEGER;

function terms({ algorithm, limit, windowMs }: Policy): (string | number)[] {
  return [ALGORITHM_LETTERS[algorithm], Math.min(limit, UNLIMITED), windowMs];
}
