/** The entry that a request asks for, and the tags whose versions decide whether it is current. */
export interface RequestedEntry {
  readonly id: string;
  readonly tags: readonly string[];
  /** The results of the options `key` and `tags`, from which the rest is made. */
  readonly ownKey: string | undefined;
  readonly ownTags: readonly string[];
  /** The scheme and authority of the target; undefined when it does not decide alone (QUERY), or not at all (`key`). */
  readonly origin: string | undefined;
  readonly url: string;
  /** The digest of the content of a QUERY. */
  readonly content: string | undefined;
  /** The entry of the exact URL, when this one is for all URLs that are equivalent to it. */
  readonly exact?: RequestedEntry;
}
