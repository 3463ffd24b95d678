import { randomBytes } from 'node:crypto';
import { sharedReporter } from '../fallback-reporter.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, OwedReleases } from '../redis/index.js';
import type { LockSettings } from './options.js';

const acquireLock = loadScript('acquire-lock');
const renewLease = loadScript('renew-lease');
const releaseLease = loadScript('release-lease');

// Redis' clock may be set back by this much without a fencing number going backwards.
const FENCE_MEMORY_MS = 24 * 3_600_000;

export interface LockReply {
  /** Set if the lock was free. */
  readonly fencing: number | undefined;
  /** Milliseconds until the holder's key expires, unless it is renewed; fewer when no release is heard. */
  readonly expiresInMs: number;
}

/** The three commands of one holder, which a random token tells from all others. */
export interface LockScripts {
  /** The channel on which a release is published. */
  readonly channel: string;
  acquire(): Promise<LockReply>;
  /** Whether the lock was still held. */
  renew(): Promise<boolean>;
  /** Whether the lock was still held. */
  release(): Promise<boolean>;
  /**
   * To be called when the lock will not be asked for again. After a question without an answer, or a release that Redis
   * has not acknowledged, the lock may still be taken: then its release is repeated until Redis acknowledges it.
   */
  leave(): void;
}

const owed = new OwedReleases();

export function lockScripts(
  resource: string,
  { redis, ttlMs, timeoutMs, prefix, logger }: LockSettings,
): LockScripts {
  const link = linkTo(redis, logger);
  const names = keys(prefix);
  const key = names.lock(resource);
  const keyPrefix = redis.options.keyPrefix ?? '';
  const fence = names.lockFence(resource, keyPrefix);
  const channel = names.lockReleased(resource, keyPrefix);
  const token = randomBytes(16).toString('base64url');
  const ask = { timeoutMs };
  let isUnsure = false;
  const release = async () => {
    try {
      return Number(await link.run(releaseLease, [key], [token, '', 0, channel], ask)) === 1;
    } catch (error) {
      // A release that is not even sent leaves the lock taken.
      isUnsure = true;
      throw error;
    }
  };

  const forbidden = (error: Error) =>
    sharedReporter('withLock', 'release', link, logger).failed(
      'withLock: a lock cannot be released, and others wait until it expires',
      error,
    );

  return {
    channel,
    release,
    leave() {
      if (isUnsure) owed.add(token, release, { mayComeLater: true, forMs: ttlMs, forbidden });
    },
    async acquire() {
      // A question that is not even sent leaves nothing behind.
      const isSent = link.outage === undefined;
      const args = [token, ttlMs, FENCE_MEMORY_MS, channel];
      const asked = link.run<number[]>(acquireLock, [key, fence], args, ask).catch((error: unknown) => {
        isUnsure ||= isSent;
        throw error;
      });
      const [fencing, expiresInMs = ttlMs] = (await asked).map(Number);
      // Another program may have set the lock without an expiry: it ends by a release only.
      return { fencing: fencing || undefined, expiresInMs: expiresInMs === -1 ? Infinity : expiresInMs };
    },
    renew: async () => Number(await link.run(renewLease, [key], [token, ttlMs], ask)) === 1,
  };
}
