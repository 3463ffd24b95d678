import { randomBytes } from 'node:crypto';
import { keys } from '../keys.js';
import { linkTo, loadScript } from '../redis/index.js';
import type { LockSettings } from './options.js';

const acquireLock = loadScript('acquire-lock');
const renewLease = loadScript('renew-lease');
const releaseLease = loadScript('release-lease');

// Redis' clock may be set back by this much without a fencing number going backwards.
const FENCE_MEMORY_MS = 24 * 3_600_000;

export interface AcquireAttempt {
  /** Set if the lock was free. */
  readonly fencing: number | undefined;
  /** Milliseconds until the holder's key expires, unless it is renewed. */
  readonly expiresInMs: number;
}

/** The three commands of one holder, which a random token tells from all others. */
export interface LockScripts {
  /** The channel on which a release is published. */
  readonly channel: string;
  acquire(): Promise<AcquireAttempt>;
  /** Whether the lock was still held. */
  renew(): Promise<boolean>;
  /** Whether the lock was still held. */
  release(): Promise<boolean>;
}

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

  return {
    channel,
    async acquire() {
      const reply = await link.run<number[]>(acquireLock, [key, fence], [token, ttlMs, FENCE_MEMORY_MS], ask);
      const [fencing, expiresInMs = ttlMs] = reply.map(Number);
      // Another program may have set the lock without an expiry: it ends by a release only.
      return { fencing: fencing || undefined, expiresInMs: expiresInMs === -1 ? Infinity : expiresInMs };
    },
    renew: async () => Number(await link.run(renewLease, [key], [token, ttlMs], ask)) === 1,
    release: async () => Number(await link.run(releaseLease, [key], [token, '', 0, channel], ask)) === 1,
  };
}
