import { linkTo, type RedisClient } from '../redis/index.js';
import type { TagVersions, ValuesAndVersions } from '../tags/index.js';
import type { CacheRecord } from './record.js';
import { decodeRecord, encodeRecord, RECORD_STAMP_RANGE } from './record-format.js';

/** Records, and the versions that their tags had at the same moment. */
export type RecordsAndVersions<Stored> = ValuesAndVersions<Stored | undefined>;

/** Records by key in Redis: cached responses, or values. */
export interface RecordStore<Stored> {
  /** A record and its bytes as they are in Redis. */
  read(key: string): Promise<{ readonly record: Stored; readonly bytes: Buffer } | undefined>;
  /** The stamp of the record under a key; empty when there is none. */
  readStamp(key: string): Promise<string>;
  readWithVersions(keys: readonly string[], tags: readonly string[]): Promise<RecordsAndVersions<Stored>>;
  /** @returns the bytes that were stored */
  write(key: string, record: Stored, expiryMs: number): Promise<Buffer>;
  remove(key: string): Promise<void>;
}

/** How records are stored. */
export interface RecordCodec<Stored> {
  encode(record: Stored): Buffer;
  /** Undefined for what is no record. */
  decode(bytes: Buffer): Stored | undefined;
  /** Where the stamp is, as `GETRANGE` has it. */
  readonly stampRange: { readonly first: number; readonly last: number };
}

export const cacheRecords: RecordCodec<CacheRecord> = {
  encode: encodeRecord,
  decode: decodeRecord,
  stampRange: RECORD_STAMP_RANGE,
};

export function recordStore<Stored>(
  redis: RedisClient,
  versions: TagVersions,
  { encode, decode, stampRange }: RecordCodec<Stored>,
  { timeoutMs }: { timeoutMs: number },
): RecordStore<Stored> {
  const link = linkTo(redis);
  const ask = { timeoutMs };
  const askBytes = { timeoutMs, as: 'bytes' } as const;
  const decoded = (bytes: Buffer | null) => (bytes ? decode(bytes) : undefined);

  const read = async (key: string) => {
    const bytes = await link.send<Buffer | null>('get', [key], askBytes);
    const record = decoded(bytes);
    return record === undefined ? undefined : { record, bytes: bytes! };
  };

  return {
    read,

    readStamp: (key) => link.send<string>('getrange', [key, stampRange.first, stampRange.last], ask),

    readWithVersions: (keys, tags) => versions.readWith(keys, decoded, tags),

    async write(key, record, expiryMs) {
      const bytes = encode(record);
      await link.send('set', [key, bytes, 'PX', Math.max(1, Math.ceil(expiryMs))], ask);
      return bytes;
    },

    async remove(key) {
      await link.send('del', [key], ask);
    },
  };
}
