import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { beginFill, type FillStart } from './fill-start.js';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { loadScript } from './scripts.js';
import { freshVersion, type TagVersions } from './tag-versions.js';

const releaseLease = loadScript('release-lease');

// A filler that died delays the others by at most this long.
const LEASE_MS = 5_000;
// For this long nobody waits for a response that turned out not to be storable.
const UNSHARED_MS = 10_000;
const UNSHARED = '-';
const LOOK_AGAIN_MS = { first: 5, longest: 80 };

export type FillOutcome = 'stored' | 'unstorable' | 'failed';

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
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
) {
  const link = linkTo(redis);
  const names = keys(prefix);
  const flights = new Map<string, Promise<void>>();
  const unshared = new LRUCache<string, true>({ max: 10_000, ttl: UNSHARED_MS });

  /** A turn beside all others, for a response that nobody waits for. */
  const free = async (tags: readonly string[]): Promise<Turn> => ({
    start: await beginFill(versions, tags),
    end() {},
  });

  const leave = (id: string, token: string, outcome: FillOutcome) => {
    if (outcome === 'unstorable') unshared.set(id, true);
    const left = outcome === 'unstorable' ? UNSHARED : '';
    link
      .run(releaseLease, [names.cacheLease(id)], [token, left, UNSHARED_MS], { timeoutMs })
      .catch(() => undefined);
  };

  // Answers when the lease that somebody else holds is over.
  const waitFor = async (id: string): Promise<void> => {
    const deadline = performance.now() + LEASE_MS;
    for (let pause = LOOK_AGAIN_MS.first; performance.now() < deadline; pause *= 2) {
      await sleep(Math.min(pause, LOOK_AGAIN_MS.longest));
      const holder = await link.send<string | null>('get', [names.cacheLease(id)], { timeoutMs });
      if (holder === UNSHARED) unshared.set(id, true);
      if (holder === null || holder === UNSHARED) return;
    }
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
    const token = freshVersion();
    let land!: () => void;
    flights.set(id, new Promise((resolve) => (land = resolve)));
    const landed = () => {
      flights.delete(id);
      land();
    };
    try {
      const [holder, start] = await Promise.all([
        link.send<string | null>('set', [names.cacheLease(id), token, 'PX', LEASE_MS, 'NX', 'GET'], {
          timeoutMs,
        }),
        beginFill(versions, tags),
      ]);
      if (holder === null) return { start, end: ending(id, token, landed) };
      if (holder === UNSHARED) unshared.set(id, true);
      else if (patiently) await waitFor(id);
      landed();
      return holder === UNSHARED ? { start, end() {} } : undefined;
    } catch (error) {
      landed();
      throw error;
    }
  };

  const ending = (id: string, token: string, landed: () => void): Turn['end'] => {
    let ended = false;
    const end = (outcome: FillOutcome) => {
      if (ended) return;
      ended = true;
      clearTimeout(patience);
      leave(id, token, outcome);
      landed();
    };
    // The lease in Redis is over: those who wait in this process may not wait longer than others.
    const patience = setTimeout(() => end('failed'), LEASE_MS);
    patience.unref();
    return end;
  };

  return { take, free };
}

export type FillTurns = ReturnType<typeof fillTurns>;
