import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Cluster, Redis } from 'ioredis';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../../middleware/cache/cache-response.js';
import { trackingOf } from '../../../../src/cache/near/change-tracking.js';
import { NearCache } from '../../../../src/cache/near/near-cache.js';
import { nearRecords } from '../../../../src/cache/near/near-record.js';
import type { Entry } from '../../../../src/cache/record.js';
import { decodeRecord, encodeRecord } from '../../../../src/cache/record-format.js';
import { decidingPrefixes } from '../../../../src/keys.js';
import { closeRedis, connectRedis } from '../../../../src/redis/connect.js';
import { quiet, redisForFile } from '../../../middleware/support/redis-for-file.js';
import { eventually } from '../../../support/eventually.js';
import { terms } from '../../support/fresh-terms.js';

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

const entryOf = (body: Buffer): Entry => ({
  head: { status: 200, fields: {}, terms, versions: {}, vary: [], variant: '' },
  body,
});
const entry = entryOf(Buffer.from('body'));
const bytes = encodeRecord(entry);

/** A near cache whose changes are tracked; with the client's own prefix in front of keys. */
async function tracked(keyPrefix = '') {
  const redis = connectRedis({ url: file.server.url, logger: quiet, keyPrefix });
  onTestFinished(() => closeRedis(redis));
  const tracking = trackingOf(redis, decidingPrefixes('app:'));
  const near = new NearCache(1_000_000, nearRecords, tracking);
  await eventually('changes are tracked', () => near.now() !== undefined);
  const heard: string[] = [];
  tracking.onChange((key) => heard.push(key));
  /** Changes a key and waits until Redis has told of it. */
  const change = async (key: string) => {
    heard.length = 0;
    await redis.set(key, 'x', 'PX', 10_000);
    await eventually(`${key} changed`, () => heard.includes(key));
  };
  const isConfirmed = (key: string) => near.isConfirmed(near.record(key)!);
  return { redis, near, tracking, change, isConfirmed, heard };
}

test.each(['', 'shop:'])(
  'an answer of Redis does not confirm a near record that changed after the question (keyPrefix "%s")',
  async (prefix) => {
    const { near, change, isConfirmed } = await tracked(prefix);
    const before = near.now();
    await change('app:cache:a');
    near.keepRecord('app:cache:a', entry, bytes, before);
    near.keepVersion('app:tag:a', 'v1', before);
    expect([isConfirmed('app:cache:a'), near.version('app:tag:a')]).toEqual([false, 'v1']);
    near.confirm('app:cache:a', near.record('app:cache:a')!, before);
    expect(isConfirmed('app:cache:a')).toBe(false);
    near.confirm('app:cache:a', near.record('app:cache:a')!, near.now());
    expect(isConfirmed('app:cache:a')).toBe(true);
    await change('app:tag:a');
    expect([isConfirmed('app:cache:a'), near.version('app:tag:a')]).toEqual([true, undefined]);
    near.keepVersion('app:tag:a', 'v1', before);
    expect(near.version('app:tag:a')).toBeUndefined();
    await change('app:cache:a');
    expect(isConfirmed('app:cache:a')).toBe(false);
  },
);

test('an answer from before a gap in tracking confirms nothing, and neither does one without tracking', async () => {
  const { redis, near, isConfirmed } = await tracked();
  const before = near.now();
  near.keepRecord('app:cache:a', entry, bytes, before);
  near.keepVersion('app:tag:a', 'v1', before);
  expect([isConfirmed('app:cache:a'), near.version('app:tag:a')]).toEqual([true, 'v1']);
  await redis.flushall();
  await eventually('a gap', () => near.version('app:tag:a') === undefined);
  expect(isConfirmed('app:cache:a')).toBe(false);
  near.keepRecord('app:cache:a', entry, bytes, before);
  near.keepRecord('app:cache:b', entry, bytes, undefined);
  expect(['app:cache:a', 'app:cache:b'].map(isConfirmed)).toEqual([false, false]);
});

test('an answer to a question older than the remembered changes confirms nothing', async () => {
  const { redis, near, change, isConfirmed } = await tracked();
  const before = near.now();
  await change('app:tag:first');
  const pipeline = redis.pipeline();
  for (let i = 0; i < 10_001; i++) pipeline.set(`app:tag:${i}`, 'x', 'PX', 10_000);
  await pipeline.exec();
  await change('app:tag:last');
  near.keepRecord('app:tag:first', entry, bytes, before);
  near.keepRecord('app:cache:untouched', entry, bytes, before);
  expect([isConfirmed('app:tag:first'), isConfirmed('app:cache:untouched')]).toEqual([false, false]);
  near.keepRecord('app:cache:untouched', entry, bytes, near.now());
  expect(isConfirmed('app:cache:untouched')).toBe(true);
});

test('Redis tells a tracked near cache nothing of leases and sessions', async () => {
  const { redis, change, heard } = await tracked();
  await redis.set('app:cache-lease:a', 'x', 'PX', 10_000);
  await redis.set('app:session:a', 'x', 'PX', 10_000);
  await change('app:cache-variant:1:a');
  expect(heard).toEqual(['app:cache-variant:1:a']);
});

test.each([200, 20_000])(
  'a near cache of bodies of %i bytes takes no more memory than maxBytes',
  async (bodyBytes) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const memory = () => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const maxBytes = 8_000_000;
    const near = new NearCache(maxBytes, nearRecords);
    for (let collected = 0; collected < 3; collected++) await new Promise(setImmediate).then(collect);
    const before = memory();
    for (let kept = 0; kept < 2 * maxBytes; kept += bodyBytes + 1_000) {
      const whole = encodeRecord(entryOf(Buffer.alloc(bodyBytes)));
      // As read from the socket: a part of a large chunk.
      const chunk = Buffer.alloc(65_536);
      whole.copy(chunk);
      const received = chunk.subarray(0, whole.length);
      near.keepRecord(`cache:GET:site.example/${kept}`, decodeRecord(received)!, received);
    }
    // V8 frees dropped buffers in the background.
    await eventually('no more memory', () => memory() - before < 1.25 * maxBytes);
    expect(near.record('cache:GET:site.example/0')).toBeUndefined();
  },
);

const refused: [string, unknown, string][] = [
  ['no maxBytes', {}, 'maxBytes'],
  ['maxBytes that is no whole number', { maxBytes: 1.5 }, 'maxBytes'],
  ['maxBytes 0', { maxBytes: 0 }, 'maxBytes'],
  ['another mode', { maxBytes: 1, mode: 'fast' }, '"validated", "tracked"'],
  ['a typing error', { maxBytes: 1, maxByte: 2 }, 'did you mean "maxBytes"'],
  ['a number', 5, 'must be an object'],
];
test.each(refused)('nearCache with %s is refused', (_what, nearCacheOptions, hint) => {
  const construct = () => cacheResponse({ redis: file.redis, nearCache: nearCacheOptions as never });
  expect(construct).toThrow(hint);
  expect(construct).toThrow('nearCache');
});

test('nearCache refuses the mode tracked on a Cluster, and accepts validated', () => {
  const redis = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true });
  onTestFinished(() => redis.disconnect());
  expect(() => cacheResponse({ redis, nearCache: { maxBytes: 1, mode: 'tracked' } })).toThrow(
    'use "validated"',
  );
  cacheResponse({ redis, nearCache: { maxBytes: 1 } });
});

test('cacheResponse with a tracked near cache does not connect a lazy client', () => {
  const redis = new Redis(file.server.url, { lazyConnect: true });
  onTestFinished(() => redis.disconnect());
  cacheResponse({ redis, nearCache: { maxBytes: 1, mode: 'tracked' } });
  expect(redis.status).toBe('wait');
});
