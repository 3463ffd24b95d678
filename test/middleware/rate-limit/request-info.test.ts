import type { Request } from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, test } from 'vitest';
import type { RateLimitInfo } from '../../../middleware/rate-limit/options.js';
import { clientForFile } from '../../support/client-for-file.js';
import { limitedApp } from './support/limited-app.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});

/** An app that answers a refusal with the quota that its handler sees. */
function infoApp(options: object) {
  const answer = (req: Request, res: { json(body: unknown): unknown }) => void res.json(req.rateLimit);
  return limitedApp(
    { redis, keyGenerator: (req) => String(req.query.user), handler: answer, ...options },
    answer,
  );
}

const infoOf = async (app: Parameters<typeof request>[0], path: string): Promise<RateLimitInfo> =>
  (await request(app).get(path)).body;

test('req.rateLimit has the fields of express-rate-limit, and no internals', async () => {
  const { app } = infoApp({ limit: 3 });
  const info = await infoOf(app, '/?user=a');
  expect(info).toEqual({
    limit: 3,
    current: 1,
    used: 1,
    remaining: 2,
    resetTime: expect.any(String),
    key: 'a',
    policies: [
      {
        name: 'default',
        limit: 3,
        windowMs: 60_000,
        algorithm: 'sliding-window',
        used: 1,
        remaining: 2,
        resetMs: expect.any(Number),
        retryAfterMs: 0,
      },
    ],
  });
});

test('used is limit + 1 at the first refusal of a client, and larger at later ones', async () => {
  const { app, limiter } = infoApp({ limit: 2 });
  const used = async (user = 'a') => (await infoOf(app, `/?user=${user}`)).used;
  expect([await used(), await used(), await used(), await used(), await used()]).toEqual([1, 2, 3, 4, 5]);
  // Another client has a count of its own.
  expect([await used('b'), await used('b'), await used('b')]).toEqual([1, 2, 3]);
  expect(await used()).toBe(6);
  await limiter.reward('a', 1);
  expect([await used(), await used(), await used()]).toEqual([2, 3, 4]);
  const { current, used: peeked } = await limiter.peek('a');
  expect([current, peeked]).toEqual([2, 2]);
});

test('used is limit + 1 at the first refusal also for a cost, a penalty and a block', async () => {
  const { app, limiter } = infoApp({ limit: 5, cost: 3 });
  const used = async (user: string) => (await infoOf(app, `/?user=${user}`)).used;
  expect([await used('a'), await used('a'), await used('a')]).toEqual([3, 6, 7]);
  await limiter.penalty('b', 50);
  expect([await used('b'), await used('b')]).toEqual([6, 7]);
  await limiter.block('c', 60_000);
  expect([await used('c'), await used('c')]).toEqual([6, 7]);
});

test('the quota of a refusal is that of a violated policy', async () => {
  const policies = [
    { name: 'wide', limit: 100, windowMs: 60_000 },
    { name: 'tight', limit: 1, windowMs: 60_000 },
  ];
  const { app } = infoApp({ policies });
  expect((await infoOf(app, '/?user=a')).limit).toBe(1);
  expect(await infoOf(app, '/?user=a')).toMatchObject({ limit: 1, used: 2, current: 2, remaining: 0 });
});

test('a refusal is counted for a bounded number of clients', async () => {
  const { app } = infoApp({ limit: 0 });
  const used = async (user: string) => (await infoOf(app, `/?user=${user}`)).used;
  expect([await used('a'), await used('a')]).toEqual([1, 2]);
});
