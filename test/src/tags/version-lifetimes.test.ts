import { beforeEach, expect, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { tagVersions } from '../../../src/tags/tag-versions.js';
import { serveCached } from '../../middleware/cache/support/cache-client.js';
import { quiet, redisForFile } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const versionsOf = () => tagVersions(file.redis, { prefix: '', timeoutMs: 1000 });
const lifetimes = async () => {
  const keys = await file.redis.keys('tag:*');
  return Object.fromEntries(
    await Promise.all(
      keys.map(async (key) => [key, Math.round((await file.redis.pttl(key)) / 1000)] as const),
    ),
  );
};

test('the versions of a URL live as long as its entry', async () => {
  const app = await serveCached({
    redis: file.redis,
    cache: { ttlSeconds: 3_600 },
    handler: (_req, res) => void res.send('x'),
  });
  await app.get('/invented');
  await eventually('it is stored', async () => (await file.redis.keys('cache:*')).length === 1);
  const [entry] = await file.redis.keys('cache:*');
  const seconds = Math.round((await file.redis.pttl(entry!)) / 1000);
  await eventually('they are kept', async () => Math.min(...Object.values(await lifetimes())) > 3_600);
  for (const lifetime of Object.values(await lifetimes())) {
    expect(Math.abs(lifetime - seconds)).toBeLessThanOrEqual(2);
  }
});

test.each(['404', 'no-store'])(
  'a %s under an invented URL leaves nothing for more than two minutes',
  async (kind) => {
    const app = await serveCached({
      redis: file.redis,
      handler: (_req, res) => {
        if (kind === '404') res.sendStatus(404);
        else res.set('Cache-Control', 'no-store').send('x');
      },
    });
    await app.get('/invented');
    for (const lifetime of Object.values(await lifetimes())) expect(lifetime).toBeLessThanOrEqual(120);
  },
);

test('the versions of a value live as long as the value', async () => {
  const cache = cacheAside({ redis: file.redis, logger: quiet });
  await cache.getOrLoad('user:7', async () => 7, { ttlSeconds: 900, tags: ['team:1'] });
  expect(await lifetimes()).toEqual({ 'tag:key:user:7': 900, 'tag:team:1': 900, 'tag:*': 900 });
});

test('an entry of a short life does not shorten the version of a tag that it shares', async () => {
  const cache = cacheAside({ redis: file.redis, logger: quiet });
  await cache.getOrLoad('user:7', async () => 7, { ttlSeconds: 900, tags: ['team:1'] });
  await cache.getOrLoad('user:8', async () => 8, { ttlSeconds: 10, tags: ['team:1'] });
  expect(await lifetimes()).toMatchObject({ 'tag:team:1': 900, 'tag:*': 900, 'tag:key:user:8': 120 });
});

test('an entry that is stored long after the version of its tag was created outlives its fill', async () => {
  const cache = cacheAside({ redis: file.redis, logger: quiet });
  await cache.getOrLoad('user:7', async () => 7, { ttlSeconds: 100, tags: ['team:1'] });
  for (const key of await file.redis.keys('tag:*')) await file.redis.pexpire(key, 5_000);
  // Another process knows nothing of the first one's store.
  const other = cacheAside({ redis: file.redis, logger: quiet });
  await other.getOrLoad('user:8', async () => 8, { ttlSeconds: 100, tags: ['team:1'] });
  expect(await lifetimes()).toMatchObject({ 'tag:team:1': 100, 'tag:*': 100 });
});

test('keep extends no mark of a mutation, and no version that another has replaced', async () => {
  const versions = versionsOf();
  const [version] = await versions.readOrCreate(['team:1']);
  await versions.mark(['team:1'], 'mutation', 15_000);
  expect(await versions.keep({ 'team:1': version! }, 3_600_000)).toBe(false);
  expect((await lifetimes())['tag:team:1']).toBeLessThanOrEqual(15);
});

test('stores under one tag in a row ask to keep its version only now and then', async () => {
  const cache = cacheAside({ redis: file.redis, logger: quiet });
  const keep = async (id: number) =>
    cache.getOrLoad(`user:${id}`, async () => id, { ttlSeconds: 900, tags: ['team:1'] });
  await keep(0);
  await keep(1);
  await file.redis.config('RESETSTAT');
  for (let id = 2; id < 12; id++) await keep(id);
  const stats = await file.redis.info('commandstats');
  const scripts = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]);
  // Each has a version of its own key to keep, and a lease to release.
  expect(scripts).toBeLessThanOrEqual(20);
});
