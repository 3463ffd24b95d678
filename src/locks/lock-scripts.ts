import { randomBytes } from 'node:crypto';
import { keys } from '../keys.js';
import { linkTo, loadScript } from '../redis/index.js';
import type { LockSettings } from './options.js';

const acquireLock = loadScript('acquire-lock');
const renewHold = loadScript('renew-hold');
const releaseLock = loadScript('release-lock');

// How far the clock of Redis may be set back without a fencing number going backwards.
const REMEMBERED_MS = 24 * 3_600_000;

export interface Attempt {
  /** Only when the lock was free. */
  readonly fencing: number | undefined;
  /** Milliseconds until the key of who holds it expires, unless it is renewed. */
  readonly expiresInMs: number;
}

/** The three commands of one holder, who is told from all others by a random token. */
export function lockScripts(resource: string, { redis, ttlMs, timeoutMs, prefix, logger }: LockSettings) {
  const link = linkTo(redis, logger);
  const names = keys(prefix);
  const key = names.lock(resource);
  const keyPrefix = redis.options.keyPrefix ?? '';
  const fence = names.lockFence(resource, keyPrefix);
  const channel = names.lockReleased(resource, keyPrefix);
  const token = randomBytes(16).toString('base64url');
  const ask = { timeoutMs };

  return {
    /** Where releases are published. */
    channel,
    async acquire(): Promise<Attempt> {
      const reply = await link.run<number[]>(acquireLock, [key, fence], [token, ttlMs, REMEMBERED_MS], ask);
      const [fencing, expiresInMs = ttlMs] = reply.map(Number);
      // One whose holder set no expiry (another program's) can only be released.
      return { fencing: fencing || undefined, expiresInMs: expiresInMs === -1 ? Infinity : expiresInMs };
    },
    /** Whether it was still held. */
    renew: async () => Number(await link.run(renewHold, [key], [token, ttlMs], ask)) === 1,
    /** Whether it was still held. */
    release: async () => Number(await link.run(releaseLock, [key], [token, channel], ask)) === 1,
  };
}

export type LockScripts = ReturnType<typeof lockScripts>;
