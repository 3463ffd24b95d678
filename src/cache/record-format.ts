import { createHash, randomBytes } from 'node:crypto';
import { RecentMap } from '../recent-map.js';
import { codecFor } from './codecs.js';
import { codedEntry } from './compressed-entry.js';
import type { CacheRecord, EntryHead } from './record.js';

const HEAD_LENGTH_BYTES = 4;

/** The bytes of a record's stamp, for `GETRANGE`. The same stamp means the same record. */
export const RECORD_STAMP_RANGE = { first: 0, last: 11 } as const;
const STAMP_BYTES = RECORD_STAMP_RANGE.last + 1;

/** Encodes the record stamp, the length of the head, the head as JSON, and the body's bytes unchanged. */
export function encodeRecord({ head, coded, ...record }: CacheRecord): Buffer {
  const body = coded ?? record.body;
  const json = Buffer.from(JSON.stringify(head));
  const start = Buffer.alloc(STAMP_BYTES + HEAD_LENGTH_BYTES);
  // Each variant writes the signpost again: the same signpost has the same stamp.
  const stamp = body ? randomBytes(STAMP_BYTES) : createHash('sha256').update(json).digest();
  start.write(stamp.toString('base64url'), 0, STAMP_BYTES, 'latin1');
  start.writeUInt32BE(json.length, STAMP_BYTES);
  return body ? Buffer.concat([start, json, body]) : Buffer.concat([start, json]);
}

export const recordStampOf = (bytes: Buffer): string => bytes.toString('latin1', 0, STAMP_BYTES);

// Each hit reads a head from Redis, and parsing it takes as long as a command. The stamp is the key, because it changes
// with the record.
const heads = new RecentMap<EntryHead>(2_000);

// A value that is no record (of another version of this package, or from a hand-written SET) is a miss, not an error.
export function decodeRecord(bytes: Buffer): CacheRecord | undefined {
  try {
    const headAt = STAMP_BYTES + HEAD_LENGTH_BYTES;
    const bodyAt = headAt + bytes.readUInt32BE(STAMP_BYTES);
    const stamp = recordStampOf(bytes);
    const head = heads.get(stamp) ?? (JSON.parse(bytes.toString('utf8', headAt, bodyAt)) as EntryHead | null);
    if (!Array.isArray(head?.vary)) return undefined;
    if (!head.fields || !head.terms || !head.versions) return { head: { vary: head.vary } };
    // Stored by a process whose Node has another coding.
    if (head.coding && !codecFor(head.coding)) return undefined;
    heads.set(stamp, head);
    const body = bytes.subarray(bodyAt);
    return head.coding ? codedEntry(head, body) : { head, body };
  } catch {
    return undefined;
  }
}
