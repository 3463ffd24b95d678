import { LRUCache } from 'lru-cache';
import type { RedisClient } from '../redis/index.js';
import { beginFill, type FillStart, freshVersion, type TagVersions } from '../tags/index.js';
import { FillLeases, unsharedMsOf } from './lease.js';

/** How a fill ended; `invalidated`: a mutation or a purge during the fill prevented it from being stored. */
export type FillOutcome = 'stored' | 'unstorable' | 'invalidated' | 'failed';

// For how long nobody waits for a key afterwards. A response that may not be stored stays so; a mutation is soon over.
const UNSHARED_MS: Record<FillOutcome, number> = {
  stored: 0,
  failed: 0,
  unstorable: 10_000,
  invalidated: 250,
};

/** The right to run the handler for a key. */
export interface FillRight {
  /** The versions from before the handler runs. */
  readonly start: FillStart;
  /** Wakes the waiting requests: they use the stored response, run the handler, or take the fill right themselves. */
  end(outcome: FillOutcome): void;
}

/** One handler call per key at a time, in this process and, by a lease in Redis, in all processes. */
export class SingleFlight {
  readonly #versions: TagVersions;
  readonly #leases: FillLeases;
  readonly #flights = new Map<string, Promise<void>>();
  readonly #unshared = new LRUCache<string, true>({ max: 10_000 });

  constructor(redis: RedisClient, versions: TagVersions, options: { prefix: string; timeoutMs: number }) {
    this.#versions = versions;
    this.#leases = new FillLeases(redis, options);
  }

  /** A fill right beside all others, for a response that nobody waits for. */
  async takeUnshared(tags: readonly string[]): Promise<FillRight> {
    return { start: await beginFill(this.#versions, tags), end() {} };
  }

  /** The fill right; undefined, after another fill has ended (`patiently`) or at once. */
  async take(
    id: string,
    tags: readonly string[],
    { patiently }: { patiently: boolean },
  ): Promise<FillRight | undefined> {
    if (this.#unshared.has(id)) return this.takeUnshared(tags);
    const flight = this.#flights.get(id);
    if (flight) {
      if (patiently) await flight;
      return undefined;
    }
    const land = this.#takeOff(id);
    const token = freshVersion();
    try {
      const [holder, start] = await Promise.all([
        this.#leases.take(id, token),
        beginFill(this.#versions, tags),
      ]);
      if (holder === null) return this.#held(id, token, start, land);
      const unsharedMs = unsharedMsOf(holder);
      const isHeld = unsharedMs === 0;
      this.#unshare(id, isHeld && patiently ? unsharedMsOf(await this.#leases.ended(id)) : unsharedMs);
      land();
      return isHeld ? undefined : { start, end() {} };
    } catch (error) {
      // This process may have got the lease although another question of the same write failed.
      this.#leases.release(id, token, 0);
      land();
      throw error;
    }
  }

  #takeOff(id: string): () => void {
    let land!: () => void;
    this.#flights.set(id, new Promise((resolve) => (land = resolve)));
    return () => {
      this.#flights.delete(id);
      land();
    };
  }

  #held(id: string, token: string, start: FillStart, land: () => void): FillRight {
    let ended = false;
    const end = (outcome: FillOutcome) => {
      if (ended) return;
      ended = true;
      stopRenewal();
      this.#unshare(id, UNSHARED_MS[outcome]);
      this.#leases.release(id, token, UNSHARED_MS[outcome]);
      land();
    };
    const stopRenewal = this.#leases.keep(id, token, () => end('unstorable'));
    // Under a mark nothing will be stored: nobody has to wait for the handler to find out.
    if (start.versions.includes(null)) end('invalidated');
    return { start, end };
  }

  #unshare(id: string, forMs: number): void {
    if (forMs > 0) this.#unshared.set(id, true, { ttl: forMs });
  }
}
