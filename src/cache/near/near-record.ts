import { codedEntry } from '../compressed-entry.js';
import { type CacheRecord, isEntry } from '../record.js';
import { recordStampOf } from '../record-format.js';
import type { NearFormat } from './near-cache.js';

/** How a near cache keeps cached responses. */
export const nearRecords: NearFormat<CacheRecord> = {
  stampOf: recordStampOf,
  copyOf: nearCopy,
  bodyBytesOf: (record) => (record.coded ?? record.body)?.length ?? 0,
};

function nearCopy(record: CacheRecord): CacheRecord {
  if (!isEntry(record)) return { head: record.head };
  if (record.coded) return codedEntry(record.head, copied(record.coded), true);
  return { head: record.head, body: copied(record.body), isNear: true };
}

// A slice would keep alive the whole chunk that was read from the socket.
function copied(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
