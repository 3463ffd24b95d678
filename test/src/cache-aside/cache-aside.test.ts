import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type CacheAside, cacheAside } from '../../../src/cache-aside/cache-aside.js';
import type { CachedValueOptions } from '../../../src/cache-aside/options.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { serveCached } from '../../middleware/cache/support/cache-client.js';
import { gate, quiet, redisForFile } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const open = () => cacheAside({ redis: file.redis, logger: quiet, timeoutMs: 1000 });
const counter = () => {
  let calls = 0;
  return async () => ({ calls: ++calls });
};
const tagged = { ttlSeconds: 60, tags: ['user:7'] };
const cachedValue = async (cache: CacheAside) => (await cache.get('user:7')).value;
const store = async (cache: CacheAside, value: unknown, options: CachedValueOptions = tagged) => {
  const { since } = await cache.get('user:7', options.tags);
  return cache.set('user:7', value, { ...options, since });
};

test('a client in place of the options, or options without one, are refused with the form that is right', () => {
  expect(() => cacheAside(file.redis as never)).toThrow(
    'cacheAside: pass the client as an option: { redis }',
  );
  expect(() => cacheAside({} as never)).toThrow('option "redis" is missing');
  expect(() => cacheAside(undefined as never)).toThrow('options must be an object');
});

test('getOrLoad loads a value once, and Redis has it as plain JSON', async () => {
  const [cache, load] = [open(), counter()];
  expect(await cache.getOrLoad('user:7', load, tagged)).toEqual({ calls: 1 });
  expect(await cache.getOrLoad('user:7', load, tagged)).toEqual({ calls: 1 });
  expect(JSON.parse((await file.redis.get('user:7'))!)).toMatchObject({ value: { calls: 1 } });
});

const ends: Record<string, (cache: ReturnType<typeof open>) => Promise<unknown>> = {
  'its tag': (cache) => cache.invalidateTags(['user:7']),
  'its key': (cache) => cache.del('user:7'),
  everything: (cache) => cache.clear(),
  'a mutation': (cache) => cache.mutate(['user:7'], async () => 'changed'),
  'a mutation that fails': (cache) =>
    cache.mutate(['user:7'], () => Promise.reject(new Error('half done'))).catch(() => {}),
};

test.each(Object.keys(ends))('getOrLoad loads again after %s is invalidated', async (what) => {
  const [cache, load] = [open(), counter()];
  await cache.getOrLoad('user:7', load, tagged);
  await ends[what]!(cache);
  expect(await cache.getOrLoad('user:7', load, tagged)).toEqual({ calls: 2 });
});

test.each(Object.keys(ends))('%s invalidates a value for callers that do not name its tags', async (what) => {
  const [cache, load] = [open(), counter()];
  await store(cache, 'stored');
  expect(await cachedValue(cache)).toBe('stored');
  expect(await cache.getOrLoad('user:7', load, { ttlSeconds: 60 })).toBe('stored');
  await ends[what]!(cache);
  expect(await cachedValue(cache)).toBeUndefined();
  expect(await cache.getOrLoad('user:7', load, { ttlSeconds: 60 })).toEqual({ calls: 1 });
});

test('get finds a fresh value, and nothing else', async () => {
  const cache = open();
  expect(await cachedValue(cache)).toBeUndefined();
  await store(cache, { id: 7 });
  expect((await cache.get('user:7', tagged.tags)).value).toEqual({ id: 7 });
  await store(cache, { id: 7 }, { ttlSeconds: 1, staleSeconds: 60 });
  await eventually('it is stale', async () => (await cachedValue(cache)) === undefined);
  await expect(cache.get('session:7')).rejects.toMatchObject({ code: 'CACHE_KEY_INVALID' });
});

test('cacheAside invalidates responses of cacheResponse by tag, by URL, and all', async () => {
  const cache = open();
  const app = await serveCached({ redis: file.redis, handler: (_req, res) => void res.send('x') });
  for (const invalidate of [
    () => cache.invalidateTags(['thing']),
    () => cache.invalidateUrls(['/list?b=2&a=1']),
    () => cache.clear(),
  ]) {
    await eventually('a hit', async () => (await app.get('/list?a=1&b=2')).hit);
    await invalidate();
    expect((await app.get('/list?a=1&b=2')).hit).toBe(false);
  }
});

test('the value of a load that began before an invalidation is not cached', async () => {
  const cache = open();
  const [loading, go] = [gate(), gate()];
  const slow = cache.getOrLoad(
    'user:7',
    async () => {
      loading.open();
      await go.passed;
      return 'old';
    },
    tagged,
  );
  await loading.passed;
  await cache.invalidateTags(['user:7']);
  go.open();
  expect(await slow).toBe('old');
  expect(await cache.getOrLoad('user:7', async () => 'new', tagged)).toBe('new');
});

test('no value is cached under the tags of a mutation while it runs', async () => {
  const cache = open();
  await cache.mutate(['user:7'], async () => {
    expect(await cache.getOrLoad('user:7', async () => 'old', tagged)).toBe('old');
  });
  expect(await cache.getOrLoad('user:7', async () => 'new', tagged)).toBe('new');
});

test('many callers in two caches load a value once', async () => {
  const load = counter();
  const caches = [open(), open()];
  const values = caches.flatMap((cache) =>
    Array.from({ length: 20 }, () => cache.getOrLoad('user:7', load, tagged)),
  );
  expect(new Set((await Promise.all(values)).map(({ calls }) => calls))).toEqual(new Set([1]));
});

test('with staleSeconds callers get the old value at once while one of them loads', async () => {
  const [cache, load] = [open(), counter()];
  const options = { ttlSeconds: 60, staleSeconds: 60 };
  await cache.getOrLoad('user:7', load, options);
  const stored = JSON.parse((await file.redis.get('user:7'))!);
  await file.redis.set('user:7', JSON.stringify({ ...stored, freshUntil: Date.now() - 1 }), 'KEEPTTL');
  expect(await cache.getOrLoad('user:7', load, options)).toEqual({ calls: 1 });
  await eventually('a new value', async () => (await cache.getOrLoad('user:7', load, options)).calls === 2);
});

test('with earlyRefresh callers get the value at once while one of them loads a new one before it expires', async () => {
  const [one, other, load] = [open(), open(), counter()];
  const go = gate();
  const slow = async () => {
    const loaded = await load();
    if (loaded.calls > 1) await go.passed;
    else await new Promise((resolve) => setTimeout(resolve, 50));
    return loaded;
  };
  const options = { ttlSeconds: 60, earlyRefresh: 1000 };
  await one.getOrLoad('user:7', slow, options);
  let loads = 1;
  const counted = () => slow().finally(() => loads++);
  await eventually('an early load', async () => {
    expect(await one.getOrLoad('user:7', counted, options)).toEqual({ calls: 1 });
    return (await file.redis.keys('cache-lease:*')).length > 0;
  });
  for (let asked = 0; asked < 40; asked++) {
    expect(await other.getOrLoad('user:7', counted, options)).toEqual({ calls: 1 });
  }
  go.open();
  await eventually(
    'the new value',
    async () => (await one.getOrLoad('user:7', load, { ttlSeconds: 60 })).calls === 2,
  );
  expect(loads).toBe(2);
});

test.each([
  { ttlSeconds: 0 },
  { ttlSeconds: '60' },
  { ttlSeconds: 60, tags: 'user:7' },
  { ttlSeconds: 60, ttl: 1 },
  {},
])('getOrLoad refuses the options %j', async (options) => {
  const asked = open().getOrLoad('user:7', async () => 1, options as never);
  await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/^OPTION_/) });
});

test('getOrLoad returns a value that set has stored', async () => {
  const cache = open();
  expect(await store(cache, { name: 'Ada' })).toBe(true);
  expect(await cache.getOrLoad('user:7', async () => ({ name: 'loaded' }), tagged)).toEqual({ name: 'Ada' });
});

test.each(['user', '', ':7', '7:x', 'tag:x', 'session:x', 'Cache:x', 7])(
  'getOrLoad refuses the key %j',
  async (key) => {
    const asked = open().getOrLoad(key as string, async () => 1, tagged);
    await expect(asked).rejects.toMatchObject({ code: 'CACHE_KEY_INVALID' });
  },
);

test('getOrLoad refuses a value over 1 MB with its size, and nobody waits for it', async () => {
  const cache = open();
  for (let asked = 0; asked < 2; asked++) {
    const load = cache.getOrLoad('user:7', async () => 'x'.repeat(1_000_000), tagged);
    await expect(load).rejects.toMatchObject({
      code: 'CACHE_VALUE_TOO_LARGE',
      message: expect.stringMatching(/1000\d{3}/),
    });
  }
});

test('getOrLoad and set accept a value of maxValueBytes of JSON, and refuse one byte more', async () => {
  const cache = cacheAside({ redis: file.redis, logger: quiet, timeoutMs: 1000, maxValueBytes: 10 });
  const refusal = { code: 'CACHE_VALUE_TOO_LARGE', message: expect.stringContaining('raise maxValueBytes') };
  expect(await store(cache, 'éééé')).toBe(true);
  await expect(store(cache, 'éééé.')).rejects.toMatchObject(refusal);
  expect(await cache.getOrLoad('user:8', async () => '12345678', tagged)).toBe('12345678');
  await expect(cache.getOrLoad('user:9', async () => '123456789', tagged)).rejects.toMatchObject(refusal);
});

test('a value larger than 1 MB is cached if maxValueBytes permits it', async () => {
  const cache = cacheAside({ redis: file.redis, logger: quiet, timeoutMs: 5000, maxValueBytes: 3_000_000 });
  await cache.getOrLoad('user:7', async () => 'x'.repeat(2_000_000), tagged);
  expect(await cachedValue(cache)).toHaveLength(2_000_000);
});

test('while Redis is away values are loaded, and mutations are refused unless onUnavailable is proceed', async () => {
  const proxy = await startProxy(file.server.port);
  const redis = connectRedis({ url: `redis://127.0.0.1:${proxy.port}`, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis, { timeoutMs: 100 });
    await proxy.close();
  });
  const cache = cacheAside({ redis, logger: quiet, timeoutMs: 150 });
  await cache.getOrLoad('user:7', async () => 'cached', tagged);
  proxy.swallow();
  expect(await cache.getOrLoad('user:7', async () => 'loaded', tagged)).toBe('loaded');
  expect((await cache.get('user:7', tagged.tags)).value).toBeUndefined();
  let ran = false;
  const run = async () => (ran = true);
  await expect(cache.mutate(['user:7'], run)).rejects.toMatchObject({ code: 'INVALIDATION_REFUSED' });
  expect(ran).toBe(false);
  const proceeding = cacheAside({ redis, logger: quiet, timeoutMs: 150, onUnavailable: 'proceed' });
  expect(await proceeding.mutate(['user:7'], run)).toBe(true);
});
