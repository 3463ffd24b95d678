import type { StoredCoding } from '../http/content-coding.js';
import type { Fields } from '../http/fields.js';
import type { Terms } from '../http/storing.js';
import type { PinnedVersions } from '../tags/index.js';

/** A stored response without its body; plain JSON. */
export interface EntryHead {
  readonly status: number;
  /** The fields that the handler set; not those that other middlewares set for their own requests. */
  readonly fields: Fields;
  readonly terms: Terms;
  /** The versions of the entry's tags, read before its handler ran. */
  readonly versions: PinnedVersions;
  /** The request fields that `Vary` names, and a digest of their values. */
  readonly vary: readonly string[];
  readonly variant: string;
  /** The coding of the body in Redis, which is not the handler's. */
  readonly coding?: StoredCoding;
}

export interface Entry {
  readonly head: EntryHead;
  readonly body: Buffer;
  /** The body in the head's coding. */
  readonly coded?: Buffer;
  /** The entry comes from the memory of this process. */
  readonly isNear?: true;
}

/** The record under a URL's key when its responses vary. */
export interface Signpost {
  readonly head: { readonly vary: readonly string[] };
  readonly body?: undefined;
  readonly coded?: undefined;
}

export type CacheRecord = Entry | Signpost;

export function isEntry(record: CacheRecord | undefined): record is Entry {
  return record !== undefined && 'terms' in record.head;
}
