import { isUnavailable, ToolkitError } from '../errors.js';
import { clearInterval, monotonicNow, setInterval } from '../timers.js';
import { freshVersion, type TagVersions } from './tag-versions.js';

// The marks of a process that crashed stay for this long, and nothing is cached under its tags meanwhile.
const MARK_TTL_MS = 15_000;
// No handler runs this long. Without the bound a request that is never answered would renew its marks for ever.
const LONGEST_MUTATION_MS = 15 * 60_000;

/** A mutation whose tags are marked: no process serves or stores under them until it is finished. */
export interface Mutation {
  /** Purges the tags and removes the marks. When that fails the marks stay until they expire. */
  finish(): Promise<void>;
}

/**
 * Marks the tags, and keeps the marks alive until the mutation is finished: the database may commit at any moment
 * in between, and the process may die right after.
 *
 * @throws ToolkitError `REDIS_UNAVAILABLE` when the marks cannot be set
 */
export async function beginMutation(versions: TagVersions, tags: readonly string[]): Promise<Mutation> {
  const mark = freshVersion();
  await versions.mark(tags, mark, MARK_TTL_MS);
  const began = monotonicNow();
  const renewal = setInterval(() => {
    if (monotonicNow() - began > LONGEST_MUTATION_MS) clearInterval(renewal);
    else versions.mark(tags, mark, MARK_TTL_MS).catch(() => undefined);
  }, MARK_TTL_MS / 3);
  renewal.unref();
  return {
    finish() {
      clearInterval(renewal);
      return versions.unmark(tags, mark);
    },
  };
}

/** The error of a mutation that did not run because its marks could not be set. Another cause is returned as it is. */
export function refusedMutation(cause: unknown): unknown {
  if (!isUnavailable(cause)) return cause;
  return new ToolkitError(
    'INVALIDATION_REFUSED',
    'The change was not made: the cache could not be told of it. Retry.',
    { cause },
  );
}
