import { linkTo, type RedisClient } from '../redis/index.js';
import type { NearCache } from './near/near-cache.js';
import type { CacheRecord } from './record.js';
import { decodeRecord, encodeRecord, STAMP_RANGE } from './record-format.js';

/** Cache records by key in Redis; what is near as well does not travel again. */
export function storedRecords(redis: RedisClient, ask: { timeoutMs: number }, near?: NearCache) {
  const link = linkTo(redis);

  return {
    async read(key: string): Promise<CacheRecord | undefined> {
      const known = near?.record(key);
      if (known && near?.isProven(known)) return known.value;
      const since = near?.now();
      if (known) {
        const { first, last } = STAMP_RANGE;
        const stamp = await link.send<string>('getrange', [key, first, last], ask);
        if (stamp === known.stamp) {
          near?.prove(key, known, since);
          return known.value;
        }
        near?.forget(key);
        if (stamp === '') return undefined;
      }
      const bytes = await link.send<Buffer | null>('get', [key], { ...ask, as: 'bytes' });
      const record = bytes ? decodeRecord(bytes) : undefined;
      if (record) near?.keepRecord(key, record, bytes!, since);
      return record;
    },

    async write(key: string, record: CacheRecord, expiryMs: number): Promise<void> {
      const bytes = encodeRecord(record);
      await link.send('set', [key, bytes, 'PX', Math.max(1, Math.ceil(expiryMs))], ask);
      near?.keepRecord(key, record, bytes);
    },

    async remove(key: string): Promise<void> {
      near?.forget(key);
      await link.send('del', [key], ask);
    },
  };
}

export type StoredRecords = ReturnType<typeof storedRecords>;
