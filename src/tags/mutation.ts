import { isUnavailable, ToolkitError } from '../errors.js';
import { clearInterval, monotonicNow, setInterval } from '../timers.js';
import { freshVersion, type TagVersions } from './tag-versions.js';

// A process that dies leaves its marks behind: for this long the tags are not cached.
const MARK_TTL_MS = 15_000;
// No handler runs this long; without the bound a request that is never answered would renew its marks for ever.
const LONGEST_MUTATION_MS = 15 * 60_000;

/** A mutation whose tags are marked: nobody serves or stores under them until it is done. */
export interface Mutation {
  /** Purges the tags and takes the marks out. When it fails the marks stand until they expire. */
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

/** The error of a change that was not made because its marks could not be set; another cause is passed on. */
export function refusedMutation(cause: unknown): unknown {
  if (!isUnavailable(cause)) return cause;
  return new ToolkitError(
    'INVALIDATION_REFUSED',
    'The change was not made: the cache could not be told of it. Retry.',
    { cause },
  );
}
