import { beforeEach, expect, test } from 'vitest';
import { type CacheAside, cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';

const file = redisForFile();
beforeEach(() => emptyRedis(file.redis));

const open = (redis = file.redis) => cacheAside({ redis, logger: quiet, timeoutMs: 300 });
const tagged = { ttlSeconds: 60, tags: ['team:1'] };
const cachedValue = async (cache: CacheAside) => (await cache.get('user:7', tagged.tags)).value;

const changes: Record<string, (cache: CacheAside) => Promise<unknown>> = {
  'a mutation of its tag': (cache) => cache.mutate(['team:1'], async () => 'changed'),
  'an invalidation of its tag': (cache) => cache.invalidateTags(['team:1']),
  'an invalidation of its key': (cache) => cache.del('user:7'),
  'an invalidation of everything': (cache) => cache.clear(),
};

// Whether somebody has stored under the tags before: their versions exist or not.
const cases = Object.keys(changes).flatMap((change) => [
  [change, 'known', tagged.tags],
  [change, 'new', tagged.tags],
  [change, 'new', undefined],
]) as [string, 'known' | 'new', string[] | undefined][];

test.each(cases)(
  'set does not store a value that was read before %s (tags %s, get with tags %j)',
  async (change, tags, given) => {
    const cache = open();
    if (tags === 'known') await cache.getOrLoad('user:8', async () => 'other', tagged);
    const { value, since } = await cache.get('user:7', given);
    expect(value).toBeUndefined();
    const read = 'old';
    await changes[change]!(open());
    expect(await cache.set('user:7', read, { ...tagged, since })).toBe(false);
    expect(await cachedValue(cache)).toBeUndefined();
  },
);

test('set does not store a value that was read while a mutation was running', async () => {
  const cache = open();
  const during = await cache.mutate(['team:1'], async () => {
    const { since } = await cache.get('user:7', tagged.tags);
    expect(await cache.set('user:7', 'old', { ...tagged, since })).toBe(false);
    return since;
  });
  expect(await cache.set('user:7', 'old', { ...tagged, since: during })).toBe(false);
  expect(await cachedValue(cache)).toBeUndefined();
});

test.each([[tagged.tags], [undefined]])('set stores a value after get with the tags %j', async (given) => {
  const cache = open();
  const { since } = await cache.get('user:7', given);
  expect(await cache.set('user:7', 'read', { ...tagged, since })).toBe(true);
  expect(await cachedValue(open())).toBe('read');
});

test('set stores a value under tags that other callers invalidate all the time, once they have versions', async () => {
  const cache = open();
  const busy = async () => {
    const { since } = await cache.get('user:7', tagged.tags);
    await cache.invalidateTags(['unrelated']);
    return cache.set('user:7', 'read', { ...tagged, since });
  };
  expect([await busy(), await busy()]).toEqual([false, true]);
});

test('a get that finds nothing writes nothing but the epoch', async () => {
  const before = await file.redis.keys('*');
  await open().get('user:7', tagged.tags);
  const written = (await file.redis.keys('*')).filter((key) => !before.includes(key));
  expect(written).toEqual(['epoch:invalidation']);
});

test.each([[undefined], [{}], ['now'], [{ epoch: 1 }]])('set refuses %j as since', async (since) => {
  const options = { ...tagged, since } as never;
  await expect(open().set('user:7', 'x', options)).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringContaining('get'),
  });
  for (const nothing of [undefined, null])
    await expect(open().set('user:7', 'x', nothing as never)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    });
});

test('while Redis is away get finds nothing, and set stores nothing later', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  proxy.swallow();
  const { value, since } = await open(redis).get('user:7', tagged.tags);
  expect(value).toBeUndefined();
  expect(await open().set('user:7', 'old', { ...tagged, since })).toBe(false);
});
