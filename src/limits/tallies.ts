import { RecentMap } from '../recent-map.js';
import type { RedisLink } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { type ConsumeReply, TALLY } from './batch-verdicts.js';
import type { Charge, Policy } from './quota.js';

const MAX_TALLIES = 10_000;
const BUCKETS = 10;
// A charge that exceeds the limit has to be taken back, and may cost another request its admission meanwhile. So that other
// processes' charges in flight do not add up to that, half of the limit must be left, and a charge must be small.
const ROOM = 0.5;
const LARGEST_SHARE = 1 / 16;

/** A charge, and where to. */
export interface TallyCharge {
  /** The key of the tally. */
  readonly key: string;
  readonly policy: Policy;
  readonly points: number;
}

interface KnownTally extends Charge {
  readonly member: string;
  /** By Redis' clock. */
  readonly endsAt: number;
  readonly resetsAt: number;
  used: number;
}

/** What became of a charge; without either, nothing was charged. */
export interface TallyOutcome {
  /** As the script would give it. */
  readonly reply?: ConsumeReply;
  /** The charge exceeds the limit, or may have been made after its bucket. */
  readonly takeBack?: Charge;
}

/**
 * Charges clients without a script, where that is safe: within a bucket of a sliding window only the sum changes. The
 * script names the bucket; `ZADD … XX INCR` on its member does nothing once any script has changed more than that.
 *
 * A charge counts only if Redis made it within the bucket. Redis' clock is carried forward by the monotonic clock, from
 * the moment *before* a question whose answer said what time it was: it is not later than that says.
 */
export class Tallies {
  readonly #link: RedisLink;
  readonly #ask: { readonly timeoutMs: number };
  readonly #known = new RecentMap<KnownTally>(MAX_TALLIES);
  #redisIsAheadMs = Number.POSITIVE_INFINITY;

  constructor(link: RedisLink, ask: { readonly timeoutMs: number }) {
    this.#link = link;
    this.#ask = ask;
  }

  /** Learns from a reply of `consume-quota.lua` for one policy. */
  learn(key: string, { windowMs }: Policy, askedAt: number, reply: ConsumeReply): void {
    const [now, used, resetMs, bucket, salt] = reply.map(Number) as [number, number, number, number, number];
    this.#redisIsAheadMs = now - askedAt;
    if (salt < TALLY) {
      this.#known.delete(key);
      return;
    }
    const pureSalt = salt - TALLY;
    this.#known.set(key, {
      member: `${pureSalt}:${bucket}`,
      bucket,
      salt: pureSalt,
      endsAt: ((bucket + 1) * windowMs) / BUCKETS,
      resetsAt: now + resetMs,
      used,
    });
  }

  clear(): void {
    this.#known.clear();
  }

  /** Whether a charge may be tried. */
  mayCharge({ key, policy, points }: TallyCharge): boolean {
    const tally = this.#known.get(key);
    if (!tally || points <= 0) return false;
    const { limit } = policy;
    const hasRoom = points <= limit * LARGEST_SHARE && tally.used + points <= limit * (1 - ROOM);
    return hasRoom && monotonicNow() + this.#redisIsAheadMs < tally.endsAt;
  }

  /** Charges, if the tally is still there. */
  async charge({ key, policy, points }: TallyCharge): Promise<TallyOutcome> {
    const tally = this.#known.get(key)!;
    // Charges in flight count already.
    tally.used += points;
    const args = [key, 'XX', 'INCR', points, tally.member];
    const score = await this.#link.send<string | number | null>('zadd', args, this.#ask);
    if (score === null) {
      this.#known.delete(key);
      return {};
    }
    const now = Math.floor(monotonicNow() + this.#redisIsAheadMs);
    const used = Number(score);
    tally.used = Math.max(tally.used, used);
    if (now >= tally.endsAt || used > policy.limit) {
      this.#known.delete(key);
      return { takeBack: tally };
    }
    return { reply: [now, used, Math.max(0, tally.resetsAt - now), tally.bucket, tally.salt] };
  }
}
