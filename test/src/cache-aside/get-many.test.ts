import { beforeEach, expect, test } from 'vitest';
import { type CacheAside, cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { countedRedis } from '../../middleware/support/counted-redis.js';
import { quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const open = (redis = file.redis) => cacheAside({ redis, logger: quiet, timeoutMs: 1000 });
const keys = ['user:1', 'user:2', 'user:3'];
const tags = (key: string) => [`tag of ${key}`, 'users'];
const storeAll = (cache: CacheAside) =>
  Promise.all(keys.map((key) => cache.getOrLoad(key, async () => key, { ttlSeconds: 60, tags: tags(key) })));
const found = async (cache: CacheAside, ...asked: Parameters<CacheAside['getMany']>) =>
  Object.fromEntries((await cache.getMany(...asked)).values);

test('getMany returns the values that are cached, by key, in the order of the keys', async () => {
  const cache = open();
  await storeAll(cache);
  const { values } = await cache.getMany<string>(['user:3', 'user:9', 'user:1', 'user:3'], tags);
  expect([...values]).toEqual([
    ['user:3', 'user:3'],
    ['user:1', 'user:1'],
  ]);
  expect(await found(cache, keys)).toEqual(await found(cache, keys, ['users']));
  expect(await found(cache, [])).toEqual({});
});

test('getMany distinguishes a cached null from a missing value', async () => {
  const cache = open();
  await cache.getOrLoad('user:1', async () => null, { ttlSeconds: 60 });
  const { values } = await cache.getMany(keys);
  expect([values.has('user:1'), values.get('user:1'), values.has('user:2')]).toEqual([true, null, false]);
});

const changes: Record<string, [(cache: CacheAside) => Promise<unknown>, readonly string[]]> = {
  'a key': [(cache) => cache.del('user:2'), ['user:1', 'user:3']],
  'the tag of one value': [(cache) => cache.invalidateTags(['tag of user:2']), ['user:1', 'user:3']],
  'the tag of all values': [(cache) => cache.mutate(['users'], async () => 'changed'), []],
  everything: [(cache) => cache.clear(), []],
};

test.each(Object.entries(changes))(
  'an invalidation of %s hides the values from getMany that it concerns, and only these',
  async (_, [change, left]) => {
    const cache = open();
    await storeAll(cache);
    await change(open());
    for (const named of [tags, ['users'], undefined])
      expect(Object.keys(await found(cache, keys, named))).toEqual(left);
  },
);

test.each(Object.entries(changes))(
  'with the since of getMany, set stores no value that was read before an invalidation of %s',
  async (_, [change, left]) => {
    const cache = open();
    const { since } = await cache.getMany(keys, tags);
    await change(open());
    const stored = await Promise.all(
      keys.map((key) => cache.set(key, 'read before', { ttlSeconds: 60, tags: tags(key), since })),
    );
    // A version that nobody had created before is new after any invalidation at all.
    expect(keys.filter((_key, position) => stored[position] && !left.includes(keys[position]!))).toEqual([]);
    await storeAll(cache);
    const known = (await cache.getMany(keys, tags)).since;
    await change(open());
    const again = keys.map((key) =>
      cache.set(key, 'read', { ttlSeconds: 60, tags: tags(key), since: known }),
    );
    const kept = await Promise.all(again);
    expect(keys.filter((_key, position) => kept[position])).toEqual(left);
  },
);

test('getMany does not return a value that was stored without a tag that the caller names', async () => {
  const cache = open();
  await cache.getOrLoad('user:1', async () => 'untagged', { ttlSeconds: 60 });
  expect(await found(cache, keys, ['users'])).toEqual({});
  expect(await found(cache, keys)).toEqual({ 'user:1': 'untagged' });
});

test('what is no value of cacheAside is missing, and hides no other', async () => {
  const cache = open();
  await storeAll(cache);
  await file.redis.set('user:1', 'not JSON', 'EX', 60);
  await file.redis.del('user:2');
  await file.redis.hset('user:2', 'field', 'value');
  await file.redis.expire('user:2', 60);
  expect(await found(cache, keys)).toEqual({ 'user:3': 'user:3' });
  expect((await cache.get('user:2')).value).toBeUndefined();
});

test('getMany of 500 keys with their tags is one write of four commands', async () => {
  const { redis, costOf } = await countedRedis();
  const cache = open(redis);
  const many = Array.from({ length: 500 }, (_, n) => `user:${n}`);
  await cache.getMany(many, tags);
  expect((await costOf(() => cache.getMany(many, tags))).writes).toBe(1);
  const { since } = await cache.getMany(many, tags);
  await Promise.all(many.map((key) => cache.set(key, key, { ttlSeconds: 60, tags: tags(key), since })));
  const { writes, commands } = await costOf(async () => {
    expect((await cache.getMany(many, tags)).values.size).toBe(500);
  });
  expect({ writes, commands: commands.length }).toEqual({ writes: 1, commands: 4 });
});

test('while Redis is away getMany finds nothing, and set stores nothing later', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  proxy.swallow();
  const away = cacheAside({ redis, logger: quiet, timeoutMs: 100 });
  const { values, since } = await away.getMany(keys, tags);
  expect(values.size).toBe(0);
  expect(await open().set('user:1', 'old', { ttlSeconds: 60, tags: tags('user:1'), since })).toBe(false);
});

const misuses: [string, unknown, unknown, string, string][] = [
  ['one key', 'user:1', undefined, 'CACHE_KEY_INVALID', 'give a list of at most 1000 keys'],
  ['no keys', undefined, undefined, 'CACHE_KEY_INVALID', 'give a list of at most 1000 keys'],
  [
    '1001 keys',
    Array.from({ length: 1_001 }, (_, n) => `user:${n}`),
    undefined,
    'CACHE_KEY_INVALID',
    '1001 keys',
  ],
  ['a key without an id', ['user:1', 'user'], undefined, 'CACHE_KEY_INVALID', '"user"'],
  ['one tag', keys, 'users', 'CACHE_TAGS_INVALID', 'getMany was given "users"'],
  ['a function that returns one tag', keys, () => 'users', 'CACHE_TAGS_INVALID', 'getMany was given "users"'],
  ['an async function', keys, () => Promise.reject(new Error('unawaited')), 'CACHE_TAGS_INVALID', 'getMany'],
];

test.each(misuses)('getMany refuses %s', async (_, wanted, given, code, said) => {
  const asked = open().getMany(wanted as never, given as never);
  await expect(asked).rejects.toMatchObject({ code, message: expect.stringContaining(said) });
});
