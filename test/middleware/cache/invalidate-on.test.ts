import { beforeEach, expect, test } from 'vitest';
import type { CacheResponseOptions } from '../../../middleware/cache/options.js';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { gate, quiet, redisForFile } from '../support/redis-for-file.js';
import { serveRow } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

test('miss, hit, invalidate, miss, hit', async () => {
  const app = await serveRow({ redis: file.redis });
  for (let round = 0; round < 5; round++) {
    await app.warm();
    expect(await app.value()).toBe(String(round));
    expect((await app.patch('/other')).status).toBe(200);
    expect(await app.get('/thing')).toMatchObject({ hit: false, body: Buffer.from(String(round + 1)) });
  }
});

test('the target itself and the URLs that are named are purged, without any tag', async () => {
  const tags = () => [];
  const app = await serveRow({
    redis: file.redis,
    cache: { tags },
    invalidate: { tags, urls: () => ['/list?page=1'] },
  });
  for (const path of ['/thing', '/list?page=1', '/unrelated']) {
    await eventually('a hit', async () => (await app.get(path)).hit);
  }
  await app.patch('/thing');
  expect((await app.get('/thing')).hit).toBe(false);
  expect((await app.get('/list?page=1')).hit).toBe(false);
  expect((await app.get('/unrelated')).hit).toBe(true);
});

const shared: Record<string, Partial<CacheResponseOptions>> = {
  'a key of its own': { key: (req) => `list ${req.path}` },
  'ignored parameters': { queryParams: { ignore: ['utm'] } },
  'allowed parameters': { queryParams: { allow: ['page'] } },
};

test.each(Object.keys(shared))(
  'with %s queries share a response, and it is purged by each of their URLs',
  async (how) => {
    const tags = () => [];
    const app = await serveRow({ redis: file.redis, cache: { ...shared[how], tags }, invalidate: { tags } });
    const cache = cacheAside({ redis: file.redis, logger: quiet, timeoutMs: 1000 });
    const [first, second] = ['/list?page=1&utm=a', '/list?utm=b&page=1'] as const;
    for (const purge of [
      () => app.patch(second),
      () => app.patch(first),
      () => cache.invalidateUrls([second]),
      () => cache.invalidateUrls(['/list?page=1']),
    ]) {
      await eventually('a hit', async () => (await app.get(first)).hit);
      expect((await app.get(second)).hit).toBe(true);
      await purge();
      expect((await app.get(first)).hit).toBe(false);
    }
    await eventually('a hit', async () => (await app.get(first)).hit);
    await app.patch('/other?page=1');
    expect((await app.get(first)).hit).toBe(true);
  },
);

test('a fill that began before an invalidation and ends after it is never served', async () => {
  for (let round = 0; round < 20; round++) {
    const [reading, mutated] = [gate(), gate()];
    let first = true;
    const app = await serveRow({
      redis: file.redis,
      handler: async (_req, res) => {
        const read = app.row.value;
        if (first) {
          first = false;
          reading.open();
          await mutated.passed;
        }
        res.send(String(read));
      },
    });
    const slow = app.get('/thing');
    await reading.passed;
    await app.patch();
    mutated.open();
    expect((await slow).body.toString()).toBe('0');
    await eventually('the fill is in Redis', async () => (await file.redis.keys('cache:*')).length > 0);
    expect(await app.value()).toBe('1');
    await emptyRedis(file.redis);
  }
});

test('while a mark stands nobody serves or stores, and the answer waits for the purge', async () => {
  const [committed, answer] = [gate(), gate()];
  const app = await serveRow({
    redis: file.redis,
    mutate: async (_req, res) => {
      app.row.value = 1;
      committed.open();
      await answer.passed;
      res.send('done');
    },
  });
  await app.warm();
  const patch = app.patch();
  await committed.passed;
  expect(await app.get('/thing')).toMatchObject({ hit: false, stored: false, body: Buffer.from('1') });
  expect(await app.get('/thing')).toMatchObject({ hit: false, stored: false });
  answer.open();
  await patch;
  await app.warm();
  expect(await app.value()).toBe('1');
});

test('of two mutations in flight the first to end leaves the mark of the other', async () => {
  const [one, two] = [gate(), gate()];
  const begun = [gate(), gate()];
  let count = 0;
  const app = await serveRow({
    redis: file.redis,
    mutate: async (_req, res) => {
      const mine = count++;
      begun[mine]!.open();
      await [one, two][mine]!.passed;
      app.row.value += 1;
      res.send('done');
    },
  });
  const first = app.patch();
  await begun[0]!.passed;
  const second = app.patch();
  await begun[1]!.passed;
  one.open();
  await first;
  expect(await app.get('/thing')).toMatchObject({ hit: false, stored: false });
  two.open();
  await second;
  await app.warm();
  expect(await app.value()).toBe('2');
});

test('a handler that streams may commit after its first byte', async () => {
  const [begun, commit] = [gate(), gate()];
  const app = await serveRow({
    redis: file.redis,
    mutate: async (_req, res) => {
      res.write('working');
      begun.open();
      await commit.passed;
      app.row.value = 1;
      res.end('done');
    },
  });
  await app.warm();
  const patch = app.patch();
  await begun.passed;
  expect(await app.get('/thing')).toMatchObject({ hit: false, stored: false, body: Buffer.from('0') });
  commit.open();
  await patch;
  expect(await app.value()).toBe('1');
});

test('a handler that fails after its first byte purges, and leaves no mark', async () => {
  const app = await serveRow({
    redis: file.redis,
    mutate: (_req, res, next) => {
      app.row.value += 1;
      res.write('half');
      next(new Error('boom'));
    },
    before: (express) => express.set('env', 'test'),
  });
  await app.warm();
  await expect(app.patch('/thing')).rejects.toThrow();
  await eventually('the new value', async () => (await app.value()) === '1');
  await app.warm();
});

test('a version that was evicted means a miss', async () => {
  const app = await serveRow({ redis: file.redis });
  await app.warm();
  await file.redis.del('tag:thing');
  app.row.value = 1;
  expect(await app.get('/thing')).toMatchObject({ hit: false, body: Buffer.from('1') });
  await app.warm();
});

test('an error of the handler purges as well, and a safe method does not', async () => {
  const app = await serveRow({
    redis: file.redis,
    mutate: (_req, _res, next) => {
      app.row.value = 1;
      next(new Error('after the commit'));
    },
  });
  await app.warm();
  expect((await app.patch()).status).toBe(500);
  expect(await app.value()).toBe('1');
});

test('when says which requests change something, whatever their method', async () => {
  const app = await serveRow({
    redis: file.redis,
    invalidate: { when: (req) => req.query.dry === undefined },
  });
  await app.warm();
  await app.patch('/thing?dry');
  expect((await app.get('/thing')).hit).toBe(true);
  await app.patch('/thing');
  expect((await app.get('/thing')).hit).toBe(false);
});

test.each(['Location', 'Content-Location'])(
  '%s of the same origin is invalidated too, of another it is not',
  async (header) => {
    let location = 'http://elsewhere.example/other';
    const app = await serveRow({
      redis: file.redis,
      cache: { tags: () => [] },
      mutate: (_req, res) => void res.set(header, location).status(201).end(),
    });
    await eventually('a hit', async () => (await app.get('/other')).hit);
    await app.patch('/thing');
    expect((await app.get('/other')).hit).toBe(true);
    location = './other';
    await app.patch('/thing');
    expect((await app.get('/other')).hit).toBe(false);
  },
);
