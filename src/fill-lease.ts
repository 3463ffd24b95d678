import { setTimeout as sleep } from 'node:timers/promises';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { loadScript } from './scripts.js';

const releaseLease = loadScript('release-lease');
const renewLease = loadScript('renew-lease');

// A filler that died delays the others by at most this long.
const LEASE_MS = 5_000;
// Who fills for longer is not waited for: it may never end.
const LONGEST_FILL_MS = 30_000;
const LOOK_AGAIN_MS = { first: 5, longest: 80 };
// In no token.
const UNSHARED = '!';

/** The right to fill a key, held in Redis by one process at a time. */
export function fillLeases(redis: RedisClient, { prefix, timeoutMs }: { prefix: string; timeoutMs: number }) {
  const link = linkTo(redis);
  const nameOf = keys(prefix).cacheLease;
  const ask = { timeoutMs };

  return {
    /** Answers nothing to who gets the lease, and to others what lies in its place. */
    take: (id: string, token: string) =>
      link.send<string | null>('set', [nameOf(id), token, 'PX', LEASE_MS, 'NX', 'GET'], ask),

    /** Holds it until the function that is returned is called, or `giveUp` was. */
    keep(id: string, token: string, giveUp: () => void): () => void {
      const began = performance.now();
      const renewal = setInterval(() => {
        if (performance.now() - began > LONGEST_FILL_MS) return giveUp();
        link.run(renewLease, [nameOf(id)], [token, LEASE_MS], ask).catch(() => undefined);
      }, LEASE_MS / 3);
      renewal.unref();
      return () => clearInterval(renewal);
    },

    /** Gives it back; for `unsharedMs` nobody waits for the key. */
    leave(id: string, token: string, unsharedMs: number): void {
      const left = unsharedMs === 0 ? '' : `${UNSHARED}${unsharedMs}`;
      link.run(releaseLease, [nameOf(id)], [token, left, unsharedMs], ask).catch(() => undefined);
    },

    /** Resolves when the lease is over, with what lies in its place; here a message could wake who waits. */
    async over(id: string): Promise<string | null> {
      for (let pause = LOOK_AGAIN_MS.first; ; pause = Math.min(2 * pause, LOOK_AGAIN_MS.longest)) {
        await sleep(pause);
        const holder = await link.send<string | null>('get', [nameOf(id)], ask);
        if (holder === null || holder.startsWith(UNSHARED)) return holder;
      }
    },
  };
}

/** For how long nobody waits for a key, by what lies in place of its lease. */
export const unsharedMsOf = (holder: string | null): number =>
  holder?.startsWith(UNSHARED) ? Number(holder.slice(UNSHARED.length)) : 0;
