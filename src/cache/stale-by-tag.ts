import type { Versions } from '../tags/index.js';
import type { EntryHead } from './record.js';

const listsOf = new WeakMap<EntryHead, { readonly tags: readonly string[]; readonly versions: Versions }>();

/** Whether exactly the tags of an entry were read, in its order, as nearly always. Looking each up by name takes longer. */
export function isPinnedAs(
  head: EntryHead,
  { asked, versions }: { readonly asked: readonly string[]; readonly versions: Versions },
): boolean {
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
