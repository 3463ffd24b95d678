import { LRUCache } from 'lru-cache';
import { codedEntry } from '../compressed-entry.js';
import { type CacheRecord, isEntry } from '../record.js';
import { stampOf } from '../record-format.js';
import type { Moment, Tracking } from './change-tracking.js';

// What an item costs besides its text and its bytes: objects, the LRU's own lists, a buffer of its own.
const ITEM_BYTES = 1_024;

interface Kept<Value> {
  readonly value: Value;
  /** By which Redis can be asked whether it still has the same; tag versions have none. */
  readonly stamp: string;
  /** The stretch of tracking in which Redis would have told of a change. */
  provenIn: number | undefined;
}

export type KeptRecord = Kept<CacheRecord>;

/**
 * What lies under some keys of Redis, in the memory of this process. It may be used when Redis has just said that it is
 * still the same, or would have told of a change.
 */
export function nearCache(maxBytes: number, tracking?: Tracking) {
  const kept = new LRUCache<string, Kept<unknown>>({ maxSize: maxBytes });
  tracking?.onChange((key) => {
    const changed = kept.peek(key);
    if (changed) changed.provenIn = undefined;
  });

  const provenSince = (key: string, since: Moment | undefined) =>
    since && tracking?.isUnchanged(key, since) ? since.stretch : undefined;
  const isProven = ({ provenIn }: Kept<unknown>): boolean =>
    provenIn !== undefined && provenIn === tracking?.now()?.stretch;

  return {
    isProven,
    /** Whether Redis tells of changes, so that some things are not asked for again. */
    isTracked: tracking !== undefined,
    /** To be taken before Redis is asked: what has changed since is not proven by its answer. */
    now: (): Moment | undefined => tracking?.now(),

    record: (key: string) => kept.get(key) as KeptRecord | undefined,
    prove(key: string, record: KeptRecord, since: Moment | undefined): void {
      record.provenIn = provenSince(key, since);
    },
    /** @param bytes the record as it is in Redis */
    keepRecord(key: string, record: CacheRecord, bytes: Buffer, since?: Moment): void {
      const value = nearCopy(record);
      const bodyBytes = (record.coded ?? record.body)?.length ?? 0;
      const size = sizeOf(key, bytes.length - bodyBytes) + bodyBytes;
      kept.set(key, { value, stamp: stampOf(bytes), provenIn: provenSince(key, since) }, { size });
    },
    forget: (key: string): void => void kept.delete(key),

    /** The version under a tag's key, as long as Redis would have told of another. */
    version(key: string): string | undefined {
      const known = kept.get(key);
      return known && isProven(known) ? (known.value as string) : undefined;
    },
    /** Records and versions of which all are here, and none could have changed unheard; nothing when one is missing. */
    proven(recordKeys: readonly string[], versionKeys: readonly string[]) {
      const found: CacheRecord[] = [];
      const current: string[] = [];
      for (const key of recordKeys) {
        const known = kept.get(key) as KeptRecord | undefined;
        if (!known || !isProven(known)) return undefined;
        found.push(known.value);
      }
      for (const key of versionKeys) {
        const known = kept.get(key);
        if (!known || !isProven(known)) return undefined;
        current.push(known.value as string);
      }
      return { found, current };
    },
    keepVersion(key: string, value: string, since: Moment | undefined): void {
      const provenIn = provenSince(key, since);
      if (provenIn === undefined) return;
      kept.set(key, { value, stamp: '', provenIn }, { size: sizeOf(key, value.length) });
    },
  };
}

export type NearCache = ReturnType<typeof nearCache>;

function nearCopy(record: CacheRecord): CacheRecord {
  if (!isEntry(record)) return { head: record.head };
  if (record.coded) return codedEntry(record.head, copied(record.coded), true);
  return { head: record.head, body: copied(record.body), isNear: true };
}

// A slice would keep the whole chunk alive that came from the socket.
function copied(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function sizeOf(key: string, textLength: number): number {
  return ITEM_BYTES + 2 * (key.length + textLength);
}
