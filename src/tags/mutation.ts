import { monotonicNow } from '../timers.js';
import { freshVersion } from './fresh-version.js';
import {
  LONGEST_MUTATION_MS,
  MARK_TTL_MS,
  type MutationInFlight,
  mutationWatchOf,
} from './mutation-watch.js';
import type { TagVersions } from './tag-versions.js';

const WITHOUT_CLIENT_MS = 60_000;

/** A mutation whose tags are marked: no process serves or stores under them until it is finished. */
export interface Mutation {
  /**
   * Purges the tags and removes the marks. When Redis does not acknowledge it in time this rejects, and the purge is
   * repeated until Redis does.
   */
  finish(): Promise<void>;
  /** Removes the marks of a mutation that turned out to change nothing: what was cached before is served again. */
  withdraw(): Promise<void>;
  /** Keeps the marks for a minute more at most: it is not sure that anybody finishes the mutation. */
  expectEndSoon(): void;
}

/**
 * Marks the tags, and keeps the marks alive until the mutation is finished: the database may commit at any moment
 * in between, and the process may die right after.
 *
 * @throws ToolkitError `REDIS_UNAVAILABLE` when the marks cannot be set
 */
export async function beginMutation(
  versions: TagVersions,
  tags: readonly string[],
  request?: object,
): Promise<Mutation> {
  const mark = freshVersion();
  // The state is known from before the mark: if it is lost in between, the mark is set once more than necessary.
  const markedIn = versions.stateKnown(tags) ?? (await versions.state(tags));
  await versions.mark(tags, mark, MARK_TTL_MS);
  const now = monotonicNow();
  const until = now + LONGEST_MUTATION_MS;
  const inFlight: MutationInFlight = {
    tags,
    mark,
    began: now,
    until,
    markedAt: now,
    markedIn,
    isLooking: false,
  };
  const watch = mutationWatchOf(versions);
  watch.add(inFlight);
  const end = (how: 'unmark' | 'withdraw') => {
    watch.remove(inFlight);
    return versions[how](tags, mark, request);
  };
  return {
    finish: () => end('unmark'),
    withdraw: () => end('withdraw'),
    expectEndSoon() {
      inFlight.until = Math.min(inFlight.until, monotonicNow() + WITHOUT_CLIENT_MS);
    },
  };
}
