import { createHash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { codedEntry } from './compressed-entry.js';
import type { CacheRecord, EntryHead } from './record.js';

const HEAD_LENGTH_BYTES = 4;

/** Where a record's stamp lies, for `GETRANGE`: as long as it is the same, so is the record. */
export const STAMP_RANGE = { first: 0, last: 11 } as const;
const STAMP_BYTES = STAMP_RANGE.last + 1;

/** A stamp, the length of the head, the head as JSON, and the bytes of the body as they are. */
export function encodeRecord({ head, coded, ...record }: CacheRecord): Buffer {
  const body = coded ?? record.body;
  const json = Buffer.from(JSON.stringify(head));
  const start = Buffer.alloc(STAMP_BYTES + HEAD_LENGTH_BYTES);
  // Each variant puts the signpost up anew: the same one has the same stamp.
  const stamp = body ? randomBytes(STAMP_BYTES) : createHash('sha256').update(json).digest();
  start.write(stamp.toString('base64url'), 0, STAMP_BYTES, 'latin1');
  start.writeUInt32BE(json.length, STAMP_BYTES);
  return body ? Buffer.concat([start, json, body]) : Buffer.concat([start, json]);
}

export const stampOf = (bytes: Buffer): string => bytes.toString('latin1', 0, STAMP_BYTES);

// What lies in Redis is read with each hit; parsing its head again takes as long as a command. By the stamp: it changes
// with whatever is stored.
const heads = new LRUCache<string, EntryHead>({ max: 2_000 });

// Something else under the key (another version of this package, a hand-written SET) is a miss, not an error.
export function decodeRecord(bytes: Buffer): CacheRecord | undefined {
  try {
    const headAt = STAMP_BYTES + HEAD_LENGTH_BYTES;
    const bodyAt = headAt + bytes.readUInt32BE(STAMP_BYTES);
    const stamp = stampOf(bytes);
    const head = heads.get(stamp) ?? (JSON.parse(bytes.toString('utf8', headAt, bodyAt)) as EntryHead | null);
    if (!Array.isArray(head?.vary)) return undefined;
    if (!head.fields || !head.terms || !head.versions) return { head: { vary: head.vary } };
    heads.set(stamp, head);
    const body = bytes.subarray(bodyAt);
    return head.coding ? codedEntry(head, body) : { head, body };
  } catch {
    return undefined;
  }
}
