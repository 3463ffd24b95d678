import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient } from '../redis/index.js';
import { EXPIRED_AFTER_MS, releasesOn, settlesWithin } from '../subscriptions/index.js';
import { clearInterval, monotonicNow, setInterval } from '../timers.js';

const releaseLease = loadScript('release-lease');
const renewLease = loadScript('renew-lease');

// A filler that died delays the others by at most this long.
const LEASE_MS = 5_000;
// Who fills for longer is not waited for: it may never end.
const LONGEST_FILL_MS = 30_000;
// Only while no message would be heard.
const LOOK_AGAIN_MS = { first: 5, longest: 80 };
// In no token.
const UNSHARED = '!';

/** The right to fill a key, held in Redis by one process at a time. */
export function fillLeases(redis: RedisClient, { prefix, timeoutMs }: { prefix: string; timeoutMs: number }) {
  const link = linkTo(redis);
  const { cacheLease: nameOf, cacheLeaseReleased } = keys(prefix);
  const channelOf = (id: string) => cacheLeaseReleased(id, redis.options.keyPrefix ?? '');
  const ask = { timeoutMs };

  const look = async (id: string) => {
    const [holder, expiresInMs] = await Promise.all([
      link.send<string | null>('get', [nameOf(id)], ask),
      link.send<number>('pttl', [nameOf(id)], ask),
    ]);
    return { holder, expiresInMs };
  };

  return {
    /** Answers nothing to who gets the lease, and to others what lies in its place. */
    take: (id: string, token: string) =>
      link.send<string | null>('set', [nameOf(id), token, 'PX', LEASE_MS, 'NX', 'GET'], ask),

    /** Holds it until the function that is returned is called, or `giveUp` was. */
    keep(id: string, token: string, giveUp: () => void): () => void {
      const began = monotonicNow();
      const renewal = setInterval(() => {
        if (monotonicNow() - began > LONGEST_FILL_MS) return giveUp();
        link.run(renewLease, [nameOf(id)], [token, LEASE_MS], ask).catch(() => undefined);
      }, LEASE_MS / 3);
      renewal.unref();
      return () => clearInterval(renewal);
    },

    /** Gives it back; for `unsharedMs` nobody waits for the key. */
    leave(id: string, token: string, unsharedMs: number): void {
      const left = unsharedMs === 0 ? '' : `${UNSHARED}${unsharedMs}`;
      link
        .run(releaseLease, [nameOf(id)], [token, left, unsharedMs, channelOf(id)], ask)
        .catch(() => undefined);
    },

    /** Resolves when the lease is over, with what lies in its place. */
    async over(id: string): Promise<string | null> {
      const releases = releasesOn(redis, channelOf(id));
      let released = releases.next();
      releases.listen().catch(() => undefined);
      try {
        for (let waitMs = LOOK_AGAIN_MS.first; ; ) {
          await settlesWithin(waitMs, released, releases.closed);
          released = releases.next();
          const { holder, expiresInMs } = await look(id);
          if (holder === null || holder.startsWith(UNSHARED)) return holder;
          // It is renewed, so it may have to be waited for again. Negative: gone by now, or without an expiry.
          waitMs =
            releases.isHearing && expiresInMs > 0
              ? expiresInMs + EXPIRED_AFTER_MS
              : Math.min(2 * waitMs, LOOK_AGAIN_MS.longest);
        }
      } finally {
        releases.stop();
      }
    },
  };
}

/** For how long nobody waits for a key, by what lies in place of its lease. */
export const unsharedMsOf = (holder: string | null): number =>
  holder?.startsWith(UNSHARED) ? Number(holder.slice(UNSHARED.length)) : 0;
