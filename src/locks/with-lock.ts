import { publish } from '../diagnostics.js';
import { isUnavailable, type ToolkitError } from '../errors.js';
import { onAbort } from '../listeners.js';
import type { RedisClient } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { type TakenLock, takeLock } from './acquire.js';
import { noteHeld } from './held-locks.js';
import { Lease, lockLost, NOT_OURS } from './lease.js';
import { joinQueue } from './local-queue.js';
import { type LockScripts, lockScripts } from './lock-scripts.js';
import { type LockOptions, readLockOptions } from './options.js';

/** What `withLock` passes to the function that runs under the lock. */
export interface LockHold {
  /** Higher than the number of every earlier holder. Store it with what you write, and refuse writes with a lower one. */
  readonly fencing: number;
  /** Aborted when the lock is lost, or by the caller's own signal. */
  readonly signal: AbortSignal;
}

/**
 * Runs a function while no other function, in any process, runs under the same resource.
 *
 * The lock is renewed while the function runs, and expires `ttlMs` after its holder crashed. One Redis cannot promise
 * more: a process may be paused past the expiry and continue as if nothing had happened. A Redis that restarts without
 * persistence, evicts the key, or fails over to a replica that lacks it, gives the lock out twice. Where that does harm,
 * let the database refuse the older of two writers by the fencing number (Kleppmann, "How to do distributed locking",
 * 2016): `UPDATE … SET …, fencing = $1 WHERE id = $2 AND fencing < $1`. To read a row and then change it, claim the row
 * by that statement first, and write `WHERE … AND fencing = $1`.
 *
 * The fencing numbers of a resource grow as long as Redis keeps its data and its clock is not set back by more than a
 * day; after a loss of data, as long as its clock is not behind the last number. They are µs since 1970 or a little more,
 * so they fit a `bigint`, and `Number.MAX_SAFE_INTEGER` until the year 2255.
 *
 * The lock is not re-entrant: a call inside the function for the same resource waits for itself, until `waitMs` is over.
 * Within a process the callers get the lock in the order of their calls; between processes the first to ask after a
 * release gets it. Waiters are woken by a message when the lock is released, or by its expiry when the holder died.
 * Nobody polls. After `closeRedis` they fail with `REDIS_UNAVAILABLE`.
 *
 * @returns what the function returns, once the lock is released
 * @example
 * await withLock(redis, `report:${id}`, { ttlMs: 10_000 }, async ({ fencing, signal }) => {
 *   const body = await render(id, signal);
 *   await sql`UPDATE reports SET body = ${body}, fencing = ${fencing} WHERE id = ${id} AND fencing < ${fencing}`;
 * });
 * @throws ToolkitError `LOCK_UNBOUNDED`, `OPTION_INVALID`, `OPTION_UNKNOWN`; `LOCK_TIMEOUT`, `REDIS_UNAVAILABLE` before
 * the function ran; `LOCK_LOST` after it, also when it succeeded; the signal's reason; the error of the function
 */
export async function withLock<T>(
  redis: RedisClient,
  resource: string,
  options: LockOptions,
  run: (hold: LockHold) => T | PromiseLike<T>,
): Promise<T> {
  const settings = readLockOptions(redis, resource, options, run);
  settings.signal?.throwIfAborted();
  const scripts = lockScripts(resource, settings);
  const place = joinQueue(redis, scripts.channel);
  try {
    const { fencing, sentAt } = await published(resource, takeLock(resource, scripts, place, settings));
    const lease = new Lease(scripts.renew, sentAt, settings.ttlMs);
    // The next caller of this process may try as soon as other processes may.
    lease.lost.addEventListener('abort', place.leave);
    const noteEnd = noteHeld(redis, resource);
    return await runUnderLease({ resource, scripts, lease, fencing }, settings.signal, run).finally(noteEnd);
  } finally {
    scripts.leave();
    place.leave();
  }
}

async function published(resource: string, taking: Promise<TakenLock>): Promise<TakenLock> {
  const askedAt = monotonicNow();
  const waitedMs = () => monotonicNow() - askedAt;
  try {
    const taken = await taking;
    publish('lock-acquired', () => ({ resource, fencing: taken.fencing, waitedMs: waitedMs() }));
    return taken;
  } catch (error) {
    publish('lock-refused', () => ({ resource, error, waitedMs: waitedMs() }));
    throw error;
  }
}

interface HeldLock {
  readonly resource: string;
  readonly scripts: LockScripts;
  readonly lease: Lease;
  readonly fencing: number;
}

async function runUnderLease<T>(
  { resource, scripts, lease, fencing }: HeldLock,
  caller: AbortSignal | undefined,
  run: (hold: LockHold) => T | PromiseLike<T>,
): Promise<T> {
  const stop = new AbortController();
  const began = monotonicNow();
  // AbortSignal.any() would stay registered with a caller's signal that lives as long as the process.
  const abortByCaller = () => stop.abort(caller?.reason);
  if (caller?.aborted) abortByCaller();
  const removeAbort = onAbort(caller, abortByCaller);
  lease.lost.addEventListener('abort', () => stop.abort(lease.lost.reason));
  const [outcome] = await Promise.allSettled([(async () => run({ fencing, signal: stop.signal }))()]);
  removeAbort();
  lease.end();
  const lossAtRelease = await release(scripts);
  const loss = (lease.lost.reason as ToolkitError | undefined) ?? lossAtRelease;
  const lost = loss !== undefined;
  publish('lock-released', () => ({ resource, lost, heldMs: monotonicNow() - began }));
  if (outcome.status === 'fulfilled') {
    if (loss) throw loss;
    return outcome.value;
  }
  if (!loss) throw outcome.reason;
  throw outcome.reason === loss ? loss : lockLost(loss.message, outcome.reason);
}

/** Releases the lock. Returns an error when another holder may have had the lock meanwhile. */
async function release(scripts: LockScripts): Promise<ToolkitError | undefined> {
  try {
    return (await scripts.release()) ? undefined : lockLost(NOT_OURS);
  } catch (error) {
    // It is repeated: a delay for others, and no harm.
    return isUnavailable(error)
      ? undefined
      : lockLost('the lock was lost: Redis refused to release it', error);
  }
}
