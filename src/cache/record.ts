import type { Fields } from '../http/fields.js';
import type { Terms } from '../http/storing.js';
import type { PinnedVersions } from '../tags/index.js';

/** What is kept of a response besides its body; plain JSON. */
export interface EntryHead {
  readonly status: number;
  /** What the handler set; not what other middlewares set for their own requests. */
  readonly fields: Fields;
  readonly terms: Terms;
  /** Versions of the entry's tags, read before its handler ran. */
  readonly versions: PinnedVersions;
  /** The request fields that `Vary` names, and a digest of what they said. */
  readonly vary: readonly string[];
  readonly variant: string;
  /** The coding in which the body lies in Redis, though the handler did not send it so. */
  readonly coding?: 'gzip';
}

export interface Entry {
  readonly head: EntryHead;
  readonly body: Buffer;
  /** The same in the head's coding. */
  readonly coded?: Buffer;
  /** Its bytes were in this process already. */
  readonly isNear?: true;
}

/** What lies under a URL's key when its responses vary. */
export interface Signpost {
  readonly head: { readonly vary: readonly string[] };
  readonly body?: undefined;
  readonly coded?: undefined;
}

export type CacheRecord = Entry | Signpost;

export function isEntry(record: CacheRecord | undefined): record is Entry {
  return record !== undefined && 'terms' in record.head;
}
