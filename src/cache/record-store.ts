import { linkTo, type RedisClient } from '../redis/index.js';
import type { TagVersions, ValuesAndVersions } from '../tags/index.js';
import type { CacheRecord } from './record.js';
import { decodeRecord, encodeRecord, RECORD_STAMP_RANGE } from './record-format.js';

/** Cache records, and the versions that their tags had at the same moment. */
export type RecordsAndVersions = ValuesAndVersions<CacheRecord | undefined>;

/** A record and its bytes as they are in Redis. */
export interface StoredRecord {
  readonly record: CacheRecord;
  readonly bytes: Buffer;
}

/** Cache records by key in Redis. */
export interface RecordStore {
  read(key: string): Promise<StoredRecord | undefined>;
  /** The stamp of the record under a key; empty when there is none. */
  readStamp(key: string): Promise<string>;
  readWithVersions(keys: readonly string[], tags: readonly string[]): Promise<RecordsAndVersions>;
  /** @returns the bytes that were stored */
  write(key: string, record: CacheRecord, expiryMs: number): Promise<Buffer>;
  remove(key: string): Promise<void>;
}

export function recordStore(
  redis: RedisClient,
  versions: TagVersions,
  { timeoutMs }: { timeoutMs: number },
): RecordStore {
  const link = linkTo(redis);
  const ask = { timeoutMs };
  const askBytes = { timeoutMs, as: 'bytes' } as const;
  const decoded = (bytes: Buffer | null) => (bytes ? decodeRecord(bytes) : undefined);

  const read = async (key: string) => {
    const bytes = await link.send<Buffer | null>('get', [key], askBytes);
    const record = decoded(bytes);
    return record && { record, bytes: bytes! };
  };

  return {
    read,

    readStamp: (key) =>
      link.send<string>('getrange', [key, RECORD_STAMP_RANGE.first, RECORD_STAMP_RANGE.last], ask),

    readWithVersions: (keys, tags) => versions.readWith(keys, decoded, tags),

    async write(key, record, expiryMs) {
      const bytes = encodeRecord(record);
      await link.send('set', [key, bytes, 'PX', Math.max(1, Math.ceil(expiryMs))], ask);
      return bytes;
    },

    async remove(key) {
      await link.send('del', [key], ask);
    },
  };
}
