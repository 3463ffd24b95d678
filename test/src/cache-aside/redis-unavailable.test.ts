import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { recordingLogger } from '../../faults/clients.js';
import { redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { fallbacks } from '../../support/fallbacks.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

async function fill(isFull: boolean) {
  await file.redis.config('SET', 'maxmemory', isFull ? '1' : '0');
}

/** A cache on a client of its own, and what it logs. */
async function watchedCache() {
  const { redis } = await throughProxy(file.server);
  const logger = recordingLogger();
  onTestFinished(() => fill(false));
  return { cache: cacheAside({ redis, logger, ttlSeconds: 60 }), lines: logger.lines };
}

test('each call that does without Redis is published, and logged once per outage', async () => {
  const { cache, lines } = await watchedCache();
  const events = fallbacks();
  await fill(true);
  for (const n of [1, 2, 3]) expect(await cache.getOrLoad('user:7', async () => n)).toBe(n);
  expect((await cache.getMany(['user:7', 'user:8'])).values.size).toBe(0);
  expect((await cache.get('user:7')).value).toBeUndefined();
  expect(events).toEqual(Array(5).fill('cacheAside OOM bypass'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    level: 'warn',
    message: expect.stringContaining('values are loaded, and not cached'),
  });
  await fill(false);
  await cache.getOrLoad('user:7', async () => 4);
  expect(await cache.getOrLoad('user:7', async () => 5)).toBe(4);
  expect(events).toHaveLength(5);
});

test('a value that Redis does not take after its load is reported, and the caller gets it', async () => {
  const { cache } = await watchedCache();
  const events = fallbacks();
  const load = async () => {
    await fill(true);
    return 1;
  };
  expect(await cache.getOrLoad('user:7', load)).toBe(1);
  expect(events).toEqual(['cacheAside OOM bypass']);
});

test('a stale value that cannot be refreshed is reported', async () => {
  const { cache } = await watchedCache();
  const events = fallbacks();
  await cache.getOrLoad('user:7', async () => 1, { staleSeconds: 60 });
  const stored = JSON.parse((await file.redis.get('user:7'))!);
  await file.redis.set('user:7', JSON.stringify({ ...stored, freshUntil: Date.now() - 1 }), 'KEEPTTL');
  await fill(true);
  expect(await cache.getOrLoad('user:7', async () => 2, { staleSeconds: 60 })).toBe(1);
  await eventually('the report', async () => events.length > 0);
  expect(events).toEqual(['cacheAside OOM bypass']);
});
