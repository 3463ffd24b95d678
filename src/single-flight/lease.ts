import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient, type RedisLink } from '../redis/index.js';
import { EXPIRED_AFTER_MS, releasesOn, settlesWithin } from '../subscriptions/index.js';
import { clearInterval, monotonicNow, setInterval } from '../timers.js';

const releaseLease = loadScript('release-lease');
const renewLease = loadScript('renew-lease');

// A process that crashes while it fills delays the others by at most this long.
const LEASE_MS = 5_000;
// Nobody waits longer for a fill: it may never end.
const LONGEST_FILL_MS = 30_000;
// Only while no message would be heard.
const LOOK_AGAIN_MS = { first: 5, longest: 80 };
// No token contains it.
const UNSHARED = '!';

/** The leases of fills: the right to fill a key, which one process at a time has in Redis. */
export class FillLeases {
  readonly #redis: RedisClient;
  readonly #link: RedisLink;
  readonly #nameOf: (id: string) => string;
  readonly #channelOf: (id: string) => string;
  readonly #ask: { readonly timeoutMs: number };

  constructor(redis: RedisClient, { prefix, timeoutMs }: { prefix: string; timeoutMs: number }) {
    const { cacheLease, cacheLeaseReleased } = keys(prefix);
    this.#redis = redis;
    this.#link = linkTo(redis);
    this.#nameOf = cacheLease;
    this.#channelOf = (id) => cacheLeaseReleased(id, redis.options.keyPrefix ?? '');
    this.#ask = { timeoutMs };
  }

  /** Resolves with null when this process gets the lease, and otherwise with the value that is in its place. */
  take(id: string, token: string): Promise<string | null> {
    return this.#link.send('set', [this.#nameOf(id), token, 'PX', LEASE_MS, 'NX', 'GET'], this.#ask);
  }

  /** Renews the lease until the returned function is called; after the longest fill it calls `giveUp` instead. */
  keep(id: string, token: string, giveUp: () => void): () => void {
    const began = monotonicNow();
    const renewal = setInterval(() => {
      if (monotonicNow() - began > LONGEST_FILL_MS) return giveUp();
      this.#link.run(renewLease, [this.#nameOf(id)], [token, LEASE_MS], this.#ask).catch(() => undefined);
    }, LEASE_MS / 3);
    renewal.unref();
    return () => clearInterval(renewal);
  }

  /** Releases the lease. For `unsharedMs` afterwards nobody waits for the key. */
  release(id: string, token: string, unsharedMs: number): void {
    const left = unsharedMs === 0 ? '' : `${UNSHARED}${unsharedMs}`;
    this.#link
      .run(releaseLease, [this.#nameOf(id)], [token, left, unsharedMs, this.#channelOf(id)], this.#ask)
      .catch(() => undefined);
  }

  /** Resolves when the lease of another process has ended, with the value that is in its place. */
  async ended(id: string): Promise<string | null> {
    const releases = releasesOn(this.#redis, this.#channelOf(id));
    let released = releases.next();
    releases.listen().catch(() => undefined);
    try {
      for (let waitMs = LOOK_AGAIN_MS.first; ; ) {
        await settlesWithin(waitMs, released, releases.closed);
        released = releases.next();
        const { holder, expiresInMs } = await this.#look(id);
        if (holder === null || holder.startsWith(UNSHARED)) return holder;
        // The holder renews it, so another wait may follow. Negative: it is gone by now, or has no expiry.
        waitMs =
          releases.isHearing && expiresInMs > 0
            ? expiresInMs + EXPIRED_AFTER_MS
            : Math.min(2 * waitMs, LOOK_AGAIN_MS.longest);
      }
    } finally {
      releases.stop();
    }
  }

  async #look(id: string) {
    const [holder, expiresInMs] = await Promise.all([
      this.#link.send<string | null>('get', [this.#nameOf(id)], this.#ask),
      this.#link.send<number>('pttl', [this.#nameOf(id)], this.#ask),
    ]);
    return { holder, expiresInMs };
  }
}

/** For how long nobody waits for a key, by the value in place of its lease. */
export const unsharedMsOf = (holder: string | null): number =>
  holder?.startsWith(UNSHARED) ? Number(holder.slice(UNSHARED.length)) : 0;
