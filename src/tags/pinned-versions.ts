import { monotonicNow } from '../timers.js';
import type { TagVersions, Versions } from './tag-versions.js';

// A mutation that died leaves its marks for ten seconds and more after the last moment at which it can have committed
// (they are renewed every five of fifteen). A fill that is no longer than that has seen either the marks or the epoch.
const LONGEST_LATE_FILL_MS = 10_000;

/** Versions of tags by name. */
export type PinnedVersions = Readonly<Record<string, string>>;

/** What was current when a fill began, before its handler ran. */
export interface FillStart {
  readonly versions: Versions;
  readonly epoch: string | null;
  readonly at: number;
}

export async function beginFill(tagVersions: TagVersions, tags: readonly string[]): Promise<FillStart> {
  const at = monotonicNow();
  const [epoch, versions] = await Promise.all([tagVersions.epoch(), tagVersions.readOrCreate(tags)]);
  return { versions, epoch, at };
}

/** The versions by tag, or nothing when one of them is missing: then a fill must not be stored. */
export function pinVersions(tags: readonly string[], versions: Versions): PinnedVersions | undefined {
  const pinned = tags.map((tag, position) => [tag, versions[position]] as const);
  return pinned.every(([, version]) => version) ? (Object.fromEntries(pinned) as PinnedVersions) : undefined;
}

/**
 * Adds tags that became known only while the handler ran. Their versions are read now, and hold for the time before
 * it ran if nothing at all was invalidated since; otherwise there is nothing to store.
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
  // Asked last: an invalidation changes it before it changes any tag.
  const isSame = start.epoch !== null && (await tagVersions.epoch()) === start.epoch;
  const inTime = monotonicNow() - start.at < LONGEST_LATE_FILL_MS;
  return added && isSame && inTime ? { ...pinned, ...added } : undefined;
}
