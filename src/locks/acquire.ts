import { isUnavailable, ToolkitError } from '../errors.js';
import { linkTo } from '../redis/index.js';
import { EXPIRED_AFTER_MS, settlesWithin } from '../subscriptions/index.js';
import { monotonicNow } from '../timers.js';
import { assuredMs } from './lease.js';
import type { Place } from './local-queue.js';
import type { LockScripts } from './lock-scripts.js';
import type { LockSettings } from './options.js';

const UNAVAILABLE_AGAIN_MS = 100;

export interface TakenLock {
  readonly fencing: number;
  /** When the lock was requested, by this process' monotonic clock. */
  readonly sentAt: number;
}

/** Waits for the callers of this process that came before, then for holders in other processes. */
export async function takeLock(
  resource: string,
  scripts: LockScripts,
  { isFirst, releases }: Place,
  settings: LockSettings,
): Promise<TakenLock> {
  const { redis, waitMs, signal } = settings;
  const deadline = monotonicNow() + waitMs;
  const leftMs = () => Math.max(0, deadline - monotonicNow());
  // Nobody asks for a client that is closed: its waiters end at once.
  const waitFor = (event: Promise<void>, maxMs = Infinity) =>
    settlesWithin(Math.min(leftMs(), maxMs), event, signal, releases.closed);
  let mayAsk = await waitFor(isFirst);
  let hasWaited = false;
  while (mayAsk) {
    const released = releases.next();
    try {
      const { taken, expiresInMs } = await ask(scripts, settings);
      if (taken) return taken;
      hasWaited = true;
      mayAsk = leftMs() > 0;
      // A release before the subscription wakes nobody, so the lock is asked for again after subscribing.
      if (mayAsk) {
        await (releases.isListening
          ? waitFor(released, expiresInMs + EXPIRED_AFTER_MS)
          : waitFor(releases.listen()));
      }
    } catch (error) {
      // A caller that has waited goes on waiting through an outage.
      const waitsOn = hasWaited && leftMs() > 0 && isUnavailable(error) && !linkTo(redis).closedByOwner;
      if (!waitsOn) throw error;
      await waitFor(released, UNAVAILABLE_AGAIN_MS);
    }
  }
  throw new ToolkitError(
    'LOCK_TIMEOUT',
    `withLock: another holder kept "${resource}" for all of ${waitMs} ms`,
  );
}

async function ask(
  scripts: LockScripts,
  { ttlMs, signal }: LockSettings,
): Promise<{ taken?: TakenLock; expiresInMs: number }> {
  const sentAt = monotonicNow();
  const { fencing, expiresInMs } = await scripts.acquire();
  const isAssured = monotonicNow() < sentAt + assuredMs(ttlMs);
  if (fencing !== undefined && isAssured && !signal?.aborted) {
    return { taken: { fencing, sentAt }, expiresInMs };
  }
  // The caller has gone, or the answer took so long that another holder may have the lock by now.
  if (fencing !== undefined) await scripts.release().catch(() => undefined);
  signal?.throwIfAborted();
  return { expiresInMs };
}
