import { LRUCache } from 'lru-cache';
import type { RedisClient } from '../redis/index.js';
import { beginFill, type FillStart, freshVersion, type TagVersions } from '../tags/index.js';
import { fillLeases, unsharedMsOf } from './lease.js';

/** What became of a fill; `invalidated`: it could be stored but for a mutation or a purge meanwhile. */
export type FillOutcome = 'stored' | 'unstorable' | 'invalidated' | 'failed';

// For how long nobody waits for a key afterwards. What may not be stored stays so; a mutation is soon over.
const UNSHARED_MS: Record<FillOutcome, number> = {
  stored: 0,
  failed: 0,
  unstorable: 10_000,
  invalidated: 250,
};

/** The right to run the handler for a key. */
export interface Turn {
  /** What was current before the handler runs. */
  readonly start: FillStart;
  /** Lets those who wait go on: to the stored response, to the handler, or to their own turn. */
  end(outcome: FillOutcome): void;
}

/** One handler call per key at a time, in this process and, by a lease in Redis, in all of them. */
export function fillTurns(
  redis: RedisClient,
  versions: TagVersions,
  options: { prefix: string; timeoutMs: number },
) {
  const leases = fillLeases(redis, options);
  const flights = new Map<string, Promise<void>>();
  const unshared = new LRUCache<string, true>({ max: 10_000 });

  const share = (id: string, unsharedMs: number) => {
    if (unsharedMs > 0) unshared.set(id, true, { ttl: unsharedMs });
  };

  /** A turn beside all others, for a response that nobody waits for. */
  const free = async (tags: readonly string[]): Promise<Turn> => ({
    start: await beginFill(versions, tags),
    end() {},
  });

  const takeOff = (id: string): (() => void) => {
    let land!: () => void;
    flights.set(id, new Promise((resolve) => (land = resolve)));
    return () => {
      flights.delete(id);
      land();
    };
  };

  const held = (id: string, token: string, start: FillStart, landed: () => void): Turn => {
    let ended = false;
    const end = (outcome: FillOutcome) => {
      if (ended) return;
      ended = true;
      stopRenewal();
      share(id, UNSHARED_MS[outcome]);
      leases.leave(id, token, UNSHARED_MS[outcome]);
      landed();
    };
    const stopRenewal = leases.keep(id, token, () => end('unstorable'));
    // Under a mark nothing will be stored: nobody has to wait for the handler to find out.
    if (start.versions.includes(null)) end('invalidated');
    return { start, end };
  };

  /** A turn; or nothing, after somebody else's has ended (`patiently`) or at once. */
  const take = async (
    id: string,
    tags: readonly string[],
    { patiently }: { patiently: boolean },
  ): Promise<Turn | undefined> => {
    if (unshared.has(id)) return free(tags);
    const flight = flights.get(id);
    if (flight) {
      if (patiently) await flight;
      return undefined;
    }
    const landed = takeOff(id);
    const token = freshVersion();
    try {
      const [holder, start] = await Promise.all([leases.take(id, token), beginFill(versions, tags)]);
      if (holder === null) return held(id, token, start, landed);
      const unsharedMs = unsharedMsOf(holder);
      const isHeld = unsharedMs === 0;
      share(id, isHeld && patiently ? unsharedMsOf(await leases.over(id)) : unsharedMs);
      landed();
      return isHeld ? undefined : { start, end() {} };
    } catch (error) {
      // The lease may have been given although what went with it failed.
      leases.leave(id, token, 0);
      landed();
      throw error;
    }
  };

  return { take, free };
}

export type FillTurns = ReturnType<typeof fillTurns>;
