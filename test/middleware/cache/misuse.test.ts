import { beforeEach, expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { cacheActions } from '../../../src/operations/cache-actions.js';
import { quiet, redisForFile } from '../support/redis-for-file.js';
import { serveCached, serveRow } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

// What callers without types give.
const wrong = (value: unknown) => value as never;

test.each([undefined, '', 7, null])('a key that is %s is refused, not replaced by the URL', async (key) => {
  const app = await serveCached({
    redis: file.redis,
    cache: { key: () => wrong(key) },
    handler: (req, res) => void res.send(`for ${req.headers.authorization}`),
  });
  expect(await app.get('/', { headers: { authorization: 'A' } })).toMatchObject({ status: 500 });
  expect(String((await app.get('/')).body)).toContain('CACHE_KEY_INVALID');
  expect(await file.redis.keys('cache:*')).toEqual([]);
});

test.each(['user:7', undefined, ['user:7', undefined]])('tags that are %j are refused', async (tags) => {
  const app = await serveCached({
    redis: file.redis,
    cache: { tags: () => wrong(tags) },
    handler: (_req, res) => void res.send('x'),
  });
  expect(String((await app.get('/')).body)).toContain('CACHE_TAGS_INVALID');
});

test.each(['key', 'tags'])(
  'an async function that fails in place of %s costs its request alone',
  async (option) => {
    const app = await serveCached({
      redis: file.redis,
      cache: { [option]: wrong(() => Promise.reject(new Error('nobody waits for it'))) },
      handler: (_req, res) => void res.send('x'),
    });
    expect(String((await app.get('/')).body)).toContain(`CACHE_${option.toUpperCase()}_INVALID`);
  },
);

test.each(['tags', 'urls'])(
  'a text in place of the list of %s is refused before the handler runs',
  async (option) => {
    const app = await serveRow({ redis: file.redis, invalidate: { [option]: () => wrong('/thing') } });
    expect(await app.patch()).toMatchObject({ status: 500 });
    expect(app.row.value).toBe(0);
  },
);

test('res.cacheTags refuses a list', async () => {
  const app = await serveCached({
    redis: file.redis,
    handler(_req, res) {
      res.cacheTags(wrong(['user:7']));
      res.send('x');
    },
  });
  expect(String((await app.get('/')).body)).toContain('CACHE_TAGS_INVALID');
});

test('cacheAside refuses a text in place of a list', async () => {
  const cache = cacheAside({ redis: file.redis, logger: quiet, timeoutMs: 1000 });
  let ran = false;
  const run = async () => {
    ran = true;
  };
  const refused = { code: 'CACHE_TAGS_INVALID' };
  await expect(cache.invalidateTags(wrong('user:7'))).rejects.toMatchObject(refused);
  await expect(cache.invalidateUrls(wrong('/users/7'))).rejects.toMatchObject(refused);
  await expect(cache.mutate(wrong('user:7'), run)).rejects.toMatchObject(refused);
  await expect(cache.get('user:7', wrong('user:7'))).rejects.toMatchObject(refused);
  expect(ran).toBe(false);
});

test.each(['users/7', '', '?page=2', 'example.com/users/7'])(
  'a URL that is none of any response is refused before the change: %j',
  async (url) => {
    const refused = { code: 'CACHE_TAGS_INVALID' };
    const where = { prefix: '', timeoutMs: 1000 };
    const cache = cacheAside({ redis: file.redis, logger: quiet, ...where });
    await expect(cache.invalidateUrls(['/users/7', url])).rejects.toMatchObject(refused);
    await expect(cacheActions(file.redis, where).purge({ urls: [url] })).rejects.toMatchObject(refused);
    const app = await serveRow({ redis: file.redis, invalidate: { urls: () => [url] } });
    expect(await app.patch()).toMatchObject({ status: 500 });
    expect(app.row.value).toBe(0);
    await cache.invalidateUrls(['/users/7', '//users/7', 'https://example.com/users/7', 'HTTP://h']);
  },
);

test.each([
  ['ttl', 'ttlSeconds'],
  ['client', 'redis'],
  ['keyGenerator', 'key'],
])('the option %s of other caches is refused with a hint at %s', (name, use) => {
  expect(() => cacheResponse({ redis: file.redis, [name]: 1 } as never)).toThrow(`use "${use}"`);
});

test('groups that cannot be read are explained once, with the field and the path', async () => {
  const explained: object[] = [];
  const app = await serveCached({
    redis: file.redis,
    cache: { logger: { ...quiet, error: (details: object) => explained.push(details) } },
    handler: (_req, res) => void res.set('Cache-Groups', 'scripts').send('x'),
  });
  for (const path of ['/?token=1', '/?token=2'])
    expect((await app.get(path)).headers['cache-status']).toContain('detail=cache-groups');
  expect(explained).toEqual([
    expect.objectContaining({ code: 'CACHE_GROUPS_UNREADABLE', field: 'cache-groups', url: '/' }),
  ]);
});
