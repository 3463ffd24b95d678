import type { Response } from 'express';
import { beforeEach, expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { gate, redisForFile } from '../support/redis-for-file.js';
import { serveCached, serveRow } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

/** A handler whose responses are 90 s old, which is 30 s more than `ttlSeconds`. */
const oldResponse = (res: Response, text: string) => res.set('Age', '90').send(text);

test('after ttlSeconds clients get the old response for staleSeconds, and one handler call refreshes it', async () => {
  const refreshed = gate();
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    cache: { ttlSeconds: 60, staleSeconds: 60 },
    async handler(_req, res) {
      calls++;
      if (calls === 1) return oldResponse(res, 'call 1');
      await refreshed.passed;
      res.send(`call ${calls}`);
    },
  });
  expect((await app.get()).stored).toBe(true);
  const during = await Promise.all([app.get(), app.get(), app.get()]);
  expect(during.map(({ hit, body }) => [hit, String(body)])).toEqual(Array(3).fill([true, 'call 1']));
  await eventually('a refresh', () => calls === 2);
  refreshed.open();
  await eventually('the new response', async () => String((await app.get()).body) === 'call 2');
  expect(calls).toBe(2);
});

const others: Record<string, (res: Response, text: string) => unknown> = {
  'is over': (res, text) => res.set('Age', '121').send(text),
  'does not apply, because the response says how long it is fresh': (res, text) =>
    oldResponse(res.set('Cache-Control', 'max-age=60'), text),
  'does not apply, because the response says it itself': (res, text) =>
    oldResponse(res.set('Cache-Control', 'stale-while-revalidate=10'), text),
  'does not apply, because of must-revalidate': (res, text) =>
    oldResponse(res.set('Cache-Control', 'must-revalidate'), text),
};

test.each(Object.entries(others))('when staleSeconds %s, the handler answers', async (_, answer) => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    cache: { ttlSeconds: 60, staleSeconds: 60 },
    handler: (_req, res) => void answer(res, `call ${++calls}`),
  });
  for (const call of [1, 2]) expect(String((await app.get()).body)).toBe(`call ${call}`);
});

test('after an invalidation nobody gets the old response, whatever staleSeconds says', async () => {
  const app = await serveRow({
    redis: file.redis,
    cache: { ttlSeconds: 60, staleSeconds: 600 },
    handler: (_req, res) => void oldResponse(res, `${app.row.value}`),
  });
  await app.get('/thing');
  expect((await app.get('/thing')).hit).toBe(true);
  await app.patch();
  expect(await app.value()).toBe('1');
});

test('an entry stays in Redis for ttlSeconds and staleSeconds', async () => {
  const app = await serveCached({
    redis: file.redis,
    cache: { ttlSeconds: 60, staleSeconds: 3_000 },
    handler: (_req, res) => void res.send('x'),
  });
  await app.get();
  await eventually('an entry', async () => (await file.redis.keys('cache:*')).length === 1);
  const [key] = await file.redis.keys('cache:*');
  expect((await file.redis.pttl(key!)) / 1000).toBeGreaterThan(3_000);
});

test('staleSeconds without ttlSeconds is refused, and so is what is no number of seconds', () => {
  const make = (options: object) => () => cacheResponse({ redis: file.redis, ...options } as never);
  expect(make({ staleSeconds: 5 })).toThrow('option "staleSeconds" needs "ttlSeconds"');
  expect(make({ ttlSeconds: 5, staleSeconds: -1 })).toThrow('option "staleSeconds" must be');
  expect(make({ ttlSeconds: 5, grace: 1 })).toThrow('use "staleSeconds"');
  expect(make({ staleSeconds: 0 })).not.toThrow();
});
