import type { PinnedVersions } from './fill-start.js';
import type { Fields } from './http/fields.js';
import type { Terms } from './http/storing.js';

const HEAD_LENGTH_BYTES = 4;

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
}

export interface Entry {
  readonly head: EntryHead;
  readonly body: Buffer;
}

/** What lies under a URL's key when its responses vary. */
export interface Signpost {
  readonly head: { readonly vary: readonly string[] };
  readonly body?: undefined;
}

export type CacheRecord = Entry | Signpost;

/** The length of the head, the head as JSON, and the bytes of the body as they are. */
export function encodeRecord({ head, body }: CacheRecord): Buffer {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(HEAD_LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return body ? Buffer.concat([length, json, body]) : Buffer.concat([length, json]);
}

// Something else under the key (another version of this package, a hand-written SET) is a miss, not an error.
export function decodeRecord(bytes: Buffer): CacheRecord | undefined {
  try {
    const bodyAt = HEAD_LENGTH_BYTES + bytes.readUInt32BE();
    const head = JSON.parse(bytes.toString('utf8', HEAD_LENGTH_BYTES, bodyAt)) as EntryHead | null;
    if (!Array.isArray(head?.vary)) return undefined;
    const isEntry = head.fields && head.terms && head.versions;
    return isEntry ? { head, body: bytes.subarray(bodyAt) } : { head: { vary: head.vary } };
  } catch {
    return undefined;
  }
}
