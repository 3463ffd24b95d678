import express, { type RequestHandler, type Response } from 'express';
import { afterEach, expect, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { idempotent } from '../../middleware/idempotent/idempotent.js';
import { ask } from './cache/support/cache-client.js';
import { tellError } from './session/support/session-client.js';
import { quiet, redisForFile, serve, throughProxy } from './support/redis-for-file.js';

const file = redisForFile();
let calls = 0;
afterEach(() => {
  calls = 0;
});

async function serveBehind(before: RequestHandler, middleware: RequestHandler) {
  const app = express().use(before, middleware);
  app.use((_req, res) => {
    calls += 1;
    if (!res.writableEnded) res.end(`answer ${calls}`);
  });
  app.use(tellError);
  const url = await serve(app);
  return (options: Parameters<typeof ask>[2] = {}) => ask(url, '/', options);
}

const begins: [string, (res: Response) => void, string][] = [
  ['flushed', (res) => res.flushHeaders(), ''],
  ['written', (res) => void res.write('begun, '), 'begun, '],
];
test.each(begins)(
  'cacheResponse leaves a response alone whose head was %s before',
  async (how, begin, said) => {
    const cached = cacheResponse({ redis: file.redis, logger: quiet, ttlSeconds: 60, prefix: `${how}:` });
    const get = await serveBehind((_req, res, next) => next(begin(res)), cached);
    for (const call of [1, 2]) expect((await get()).body.toString()).toBe(`${said}answer ${call}`);
  },
);

/** A middleware with a time limit, which passes before Redis has answered. */
async function serveLate(middleware: (redis: ReturnType<typeof file.redis.duplicate>) => RequestHandler) {
  const { proxy, redis } = await throughProxy(file.server);
  const limit: RequestHandler = (req, res, next) => {
    const answer = () => {
      if (req.headers['x-late'] === 'begun') res.write('late, ');
      else res.status(503).end('late');
      proxy.thaw();
    };
    if (req.headers['x-late']) {
      proxy.freeze();
      setImmediate(answer);
    }
    next();
  };
  return serveBehind(limit, middleware(redis));
}

test.each(['hit', 'miss'])('a time limit that passes while a %s is asked for is no error', async (what) => {
  const get = await serveLate((redis) =>
    cacheResponse({ redis, logger: quiet, ttlSeconds: 60, timeoutMs: 5_000, prefix: `${what}:` }),
  );
  if (what === 'hit') await expect.poll(async () => (await get()).hit).toBe(true);
  const before = calls;
  expect(await get({ headers: { 'x-late': 'over' } })).toMatchObject({ status: 503 });
  expect(calls).toBe(before);
  const begun = await get({ headers: { 'x-late': 'begun' } });
  expect(begun.body.toString()).toBe(`late, answer ${before + 1}`);
  // No request waits for the one that was answered elsewhere.
  expect(await get()).toMatchObject({ status: 200 });
});

test('a time limit that passes while a key is asked for does not occupy the key', async () => {
  const post = await serveLate((redis) =>
    idempotent({ redis, logger: quiet, timeoutMs: 5_000, scope: () => 'me' }),
  );
  const headers = { 'idempotency-key': '"a key"' };
  const late = await post({ method: 'POST', headers: { ...headers, 'x-late': 'over' } });
  expect([late.status, calls]).toEqual([503, 0]);
  await expect.poll(async () => (await post({ method: 'POST', headers })).body.toString()).toBe('answer 1');
});
