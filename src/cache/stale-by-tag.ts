import type { Versions } from '../tags/index.js';
import type { EntryHead } from './record.js';

/** The tags that were asked for together with an entry, and their versions now. */
export interface ReadVersions {
  readonly asked: readonly string[];
  readonly versions: Versions;
}

const listsOf = new WeakMap<EntryHead, { readonly tags: readonly string[]; readonly versions: Versions }>();

/** Whether exactly the tags of an entry were read, in its order, as nearly always. Looking each up by name takes longer. */
export function isPinnedAs(head: EntryHead, { asked, versions }: ReadVersions): boolean {
  let pinned = listsOf.get(head);
  if (!pinned) {
    pinned = { tags: Object.keys(head.versions), versions: Object.values(head.versions) };
    listsOf.set(head, pinned);
  }
  if (pinned.tags.length !== asked.length) return false;
  for (let i = 0; i < asked.length; i++) {
    if (asked[i] !== pinned.tags[i] || versions[i] !== pinned.versions[i]) return false;
  }
  return true;
}

/**
 * Whether a tag that was read shows that the entry is stale: it was invalidated since the entry's handler began.
 *
 * @param tags those that the request names
 */
export function isStaleByTag(
  { versions: pinned }: EntryHead,
  tags: readonly string[],
  { asked, versions }: ReadVersions,
): boolean {
  // A tag without a version, or with a mark, is not current, whatever the entry says.
  return asked.some((tag, position) =>
    Object.hasOwn(pinned, tag) ? versions[position] !== pinned[tag] : tags.includes(tag),
  );
}
