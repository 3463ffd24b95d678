import { monotonicNow } from '../timers.js';
import type { TagVersions } from './tag-versions.js';
import type { PinnedVersions, Versions } from './version-reader.js';

// The marks of a process that crashed stay for at least ten seconds after the last moment at which it can have committed
// (they last fifteen seconds and are renewed every five). A fill that takes no longer has seen either the marks or the
// new epoch.
const LONGEST_LATE_FILL_MS = 10_000;

/** The versions and the epoch from before the handler ran. */
export interface FillStart {
  readonly versions: Versions;
  readonly epoch: string | null;
  readonly at: number;
}

export async function beginFill(tagVersions: TagVersions, tags: readonly string[]): Promise<FillStart> {
  const at = monotonicNow();
  return { ...(await tagVersions.start(tags, 'create')), at };
}

/** The same without creating versions: for a fill that is stored only seldom. */
export async function readStart(tagVersions: TagVersions, tags: readonly string[]): Promise<FillStart> {
  const at = monotonicNow();
  return { ...(await tagVersions.start(tags, 'leave')), at };
}

/** The start of a fill about which nothing is known, so that it must not be stored: while Redis is away. */
export const unknownStart = (tags: readonly string[]): FillStart => ({
  versions: tags.map(() => null),
  epoch: null,
  at: monotonicNow(),
});

/** The versions by tag; undefined when one of them is missing, because the fill must not be stored then. */
export function pinVersions(tags: readonly string[], versions: Versions): PinnedVersions | undefined {
  const pinned = tags.map((tag, position) => [tag, versions[position]] as const);
  return pinned.every(([, version]) => version) ? (Object.fromEntries(pinned) as PinnedVersions) : undefined;
}

/**
 * Adds tags that became known only while the handler ran. Their versions are read now. They are those from before the
 * handler ran if the epoch is unchanged, because every invalidation changes the epoch; otherwise the fill must not be
 * stored.
 */
export async function pinLate(
  tagVersions: TagVersions,
  start: FillStart,
  pinned: PinnedVersions,
  named: readonly string[],
): Promise<PinnedVersions | undefined> {
  const late = named.filter((tag) => !Object.hasOwn(pinned, tag));
  if (late.length === 0) return pinned;
  const added = pinVersions(late, await tagVersions.readOrCreate(late));
  // Read last: an invalidation changes the epoch before it changes any tag.
  const isSame = start.epoch !== null && (await tagVersions.epoch()) === start.epoch;
  const inTime = monotonicNow() - start.at < LONGEST_LATE_FILL_MS;
  return added && isSame && inTime ? { ...pinned, ...added } : undefined;
}
