import { isUnavailable, ToolkitError } from '../errors.js';
import { EXPIRED_AFTER_MS, settlesWithin } from '../subscriptions/index.js';
import { monotonicNow } from '../timers.js';
import { assuredMs } from './lease.js';
import type { Place } from './local-queue.js';
import type { LockScripts } from './lock-scripts.js';
import type { LockSettings } from './options.js';

const UNAVAILABLE_AGAIN_MS = 100;

interface Taken {
  readonly fencing: number;
  /** When it was asked for, by this process' monotonic clock. */
  readonly sentAt: number;
}

/** Waits for the turn in this process, then for those in other processes. */
export async function takeLock(
  resource: string,
  scripts: LockScripts,
  { turn, releases }: Place,
  settings: LockSettings,
): Promise<Taken> {
  const { waitMs, signal } = settings;
  const deadline = monotonicNow() + waitMs;
  const leftMs = () => Math.max(0, deadline - monotonicNow());
  const isFirst = await settlesWithin(waitMs, turn, signal);
  let hasWaited = false;
  while (isFirst) {
    const released = releases.next();
    try {
      const { taken, expiresInMs } = await ask(scripts, settings);
      if (taken) return taken;
      if (leftMs() === 0) break;
      hasWaited = true;
      // What was released before anybody listened has woken nobody, so then the question is asked again.
      if (!releases.isListening) await settlesWithin(leftMs(), releases.listen(), signal);
      else await settlesWithin(Math.min(leftMs(), expiresInMs + EXPIRED_AFTER_MS), released, signal);
    } catch (error) {
      // Whoever was put off once goes on waiting through an outage.
      if (!hasWaited || leftMs() === 0 || !isUnavailable(error)) throw error;
      await settlesWithin(Math.min(leftMs(), UNAVAILABLE_AGAIN_MS), released, signal);
    }
  }
  throw new ToolkitError(
    'LOCK_TIMEOUT',
    `withLock: "${resource}" was held by somebody else for all of ${waitMs} ms`,
  );
}

async function ask(
  scripts: LockScripts,
  { ttlMs, signal }: LockSettings,
): Promise<{ taken?: Taken; expiresInMs: number }> {
  const sentAt = monotonicNow();
  const { fencing, expiresInMs } = await scripts.acquire();
  const isAssured = monotonicNow() < sentAt + assuredMs(ttlMs);
  if (fencing !== undefined && isAssured && !signal?.aborted) {
    return { taken: { fencing, sentAt }, expiresInMs };
  }
  // Nobody wants it any more, or its answer was so long on its way that somebody else may have it by now.
  if (fencing !== undefined) await scripts.release().catch(() => undefined);
  signal?.throwIfAborted();
  return { expiresInMs };
}
