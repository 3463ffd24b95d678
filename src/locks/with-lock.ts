import { isUnavailable, type ToolkitError } from '../errors.js';
import type { RedisClient } from '../redis/index.js';
import { takeLock } from './acquire.js';
import { keepLease, type Lease, lockLost, NOT_OURS } from './lease.js';
import { joinLine } from './local-queue.js';
import { type LockScripts, lockScripts } from './lock-scripts.js';
import { type LockOptions, readLockOptions } from './options.js';

/** What the function is told that runs under a lock. */
export interface LockHold {
  /** Higher than the number of anyone who held the lock before: what is written says it, and older writers are refused. */
  readonly fencing: number;
  /** Aborted when the lock is lost, or by the caller's own signal. */
  readonly signal: AbortSignal;
}

/**
 * Runs a function while nobody else, in any process, runs one under the same resource.
 *
 * The lock expires `ttlMs` after its holder died, and is renewed while the function runs. One Redis cannot promise more
 * than that: a process may be paused past the expiry and go on as if nothing had happened, and a Redis that restarts
 * without persistence, evicts the key, or fails over to a replica that had not heard, gives the lock out twice. Where that
 * does harm, let the database refuse the older of two writers, by the fencing number (Kleppmann, "How to do distributed
 * locking", 2016): `UPDATE … SET …, fencing = $1 WHERE id = $2 AND fencing < $1`. What is read to be changed has to be
 * claimed by that statement first, and written `WHERE … AND fencing = $1`.
 *
 * Fencing numbers of a resource grow as long as Redis keeps its data and its clock is not set back by more than a day;
 * after a loss of data, as long as its clock is not behind the last number. They are µs since 1970 or a little more, so
 * they fit a `bigint`, and `Number.MAX_SAFE_INTEGER` until the year 2255.
 *
 * The lock is not re-entrant: a call inside the function for the same resource waits for itself, until `waitMs` is over.
 * In one process who asked first is served first; between processes it is who is first to ask after the release.
 *
 * @returns what the function returns, once the lock is released
 * @example
 * await withLock(redis, `report:${id}`, { ttlMs: 10_000 }, async ({ fencing, signal }) => {
 *   const body = await render(id, signal);
 *   await sql`UPDATE reports SET body = ${body}, fencing = ${fencing} WHERE id = ${id} AND fencing < ${fencing}`;
 * });
 * @throws ToolkitError `LOCK_UNBOUNDED`, `OPTION_INVALID`, `OPTION_UNKNOWN`; `LOCK_TIMEOUT`, `REDIS_UNAVAILABLE` before
 * the function ran; `LOCK_LOST` after it, also when it succeeded; the signal's reason; what the function throws
 */
export async function withLock<T>(
  redis: RedisClient,
  resource: string,
  options: LockOptions,
  run: (hold: LockHold) => T | Promise<T>,
): Promise<T> {
  const settings = readLockOptions(redis, resource, options, run);
  settings.signal?.throwIfAborted();
  const scripts = lockScripts(resource, settings);
  const place = joinLine(redis, scripts.channel);
  try {
    const { fencing, sentAt } = await takeLock(resource, scripts, place, settings);
    const lease = keepLease(scripts.renew, sentAt, settings.ttlMs);
    // Whoever waits here may try as soon as others may.
    lease.lost.addEventListener('abort', place.leave);
    return await hold(scripts, lease, fencing, settings.signal, run);
  } finally {
    place.leave();
  }
}

async function hold<T>(
  scripts: LockScripts,
  lease: Lease,
  fencing: number,
  caller: AbortSignal | undefined,
  run: (hold: LockHold) => T | Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  // AbortSignal.any() would stay registered with a caller's signal that lives as long as the process.
  const byCaller = () => stop.abort(caller?.reason);
  if (caller?.aborted) byCaller();
  caller?.addEventListener('abort', byCaller);
  lease.lost.addEventListener('abort', () => stop.abort(lease.lost.reason));
  const [outcome] = await Promise.allSettled([(async () => run({ fencing, signal: stop.signal }))()]);
  caller?.removeEventListener('abort', byCaller);
  lease.end();
  const notOurs = await giveBack(scripts);
  const loss = (lease.lost.reason as ToolkitError | undefined) ?? notOurs;
  if (outcome.status === 'fulfilled') {
    if (loss) throw loss;
    return outcome.value;
  }
  if (!loss) throw outcome.reason;
  throw outcome.reason === loss ? loss : lockLost(loss.message, outcome.reason);
}

/** Releases the lock; answers what is wrong when somebody else may have held it meanwhile. */
async function giveBack(scripts: LockScripts): Promise<ToolkitError | undefined> {
  try {
    return (await scripts.release()) ? undefined : lockLost(NOT_OURS);
  } catch (error) {
    // Until it expires it is held by nobody: a delay for others, and no harm.
    return isUnavailable(error)
      ? undefined
      : lockLost('the lock was lost: Redis refused to release it', error);
  }
}
