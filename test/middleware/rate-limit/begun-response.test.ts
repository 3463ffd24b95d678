import type { RequestHandler } from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, test } from 'vitest';
import { clientForFile } from '../../support/client-for-file.js';
import { gate } from '../../support/gate.js';
import { redisForFile, serve, throughProxy } from '../support/redis-for-file.js';
import { limitedApp } from './support/limited-app.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});
const file = redisForFile();
const keyGenerator = () => 'me';

/** Begins the response before the limiter acts. */
function begunApp(options: object, begin: RequestHandler) {
  const errors: unknown[] = [];
  const made = limitedApp(
    { redis, keyGenerator, ...options },
    (_req, res) => void res.end('handled'),
    (app) => app.use(begin),
  );
  made.app.use(((error, _req, res, _next) => {
    errors.push(error);
    res.destroy();
  }) as import('express').ErrorRequestHandler);
  return { ...made, errors };
}

const write: RequestHandler = (_req, res, next) => {
  res.write('begun,');
  next();
};

test.each([{ legacyHeaders: true }, { standardHeaders: 'draft-6' }, { standardHeaders: 'draft-11' }])(
  'an admitted request whose response has begun goes on without headers: %o',
  async (options) => {
    const { app, errors } = begunApp({ limit: 1, ...options }, write);
    expect((await request(app).get('/').expect(200)).text).toBe('begun,handled');
    expect(errors).toEqual([]);
  },
);

test('a refused request whose response has begun is cut off, and its handler does not run', async () => {
  const { app, errors } = begunApp({ limit: 0 }, write);
  const url = await serve(app);
  const response = await fetch(url);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow('terminated');
  expect(errors).toEqual([]);
});

test.each([
  ['statically', 'no'],
  ['by a promise', async () => 'no'],
])(
  'a refused request whose response has ended stays answered, with a message given %s',
  async (_name, message) => {
    const { app, errors } = begunApp({ limit: 0, message }, (_req, res, next) => {
      res.send('answered');
      next();
    });
    expect((await request(app).get('/').expect(200)).text).toBe('answered');
    expect(errors).toEqual([]);
  },
);

test('the option handler is still called for a response that has begun', async () => {
  const handler: RequestHandler = (_req, res) => void res.end('refused');
  const { app, errors } = begunApp({ limit: 0, handler }, write);
  expect((await request(app).get('/').expect(200)).text).toBe('begun,refused');
  expect(errors).toEqual([]);
});

test.each([true, 'draft-11', false] as const)(
  'Retry-After follows the header options: standardHeaders %j without legacyHeaders',
  async (standardHeaders) => {
    const { app } = limitedApp({ redis, keyGenerator, limit: 1, standardHeaders });
    await request(app).get('/').expect(200);
    const { headers } = await request(app).get('/').expect(429);
    expect(headers['retry-after'] !== undefined).toBe(standardHeaders !== false);
  },
);

test('legacyHeaders alone send Retry-After', async () => {
  const { app } = limitedApp({ redis, keyGenerator, limit: 1, standardHeaders: false, legacyHeaders: true });
  await request(app).get('/').expect(200);
  expect((await request(app).get('/').expect(429)).headers['retry-after']).toBeDefined();
});

test('a client that disconnects while Redis is asked gets its charge back, with skipFailedRequests', async () => {
  const { proxy, redis: slow } = await throughProxy(file.server);
  const seen = gate();
  const { app, limiter } = limitedApp(
    { redis: slow, keyGenerator, limit: 50, skipFailedRequests: true, timeoutMs: 5_000 },
    (_req, res) => void res.send('ok'),
    (app) =>
      app.use((req, _res, next) => {
        if (req.path === '/leave') seen.open();
        next();
      }),
  );
  const url = await serve(app);
  expect((await fetch(url)).status).toBe(200);
  proxy.delay(100);
  const leave = new AbortController();
  const left = Array.from({ length: 5 }, () =>
    fetch(`${url}/leave`, { signal: leave.signal }).catch(() => 'left'),
  );
  await seen.passed;
  await new Promise((resolve) => setTimeout(resolve, 50));
  leave.abort();
  expect(await Promise.all(left)).toEqual(Array(5).fill('left'));
  proxy.delay(0);
  await expect.poll(async () => (await limiter.peek('me')).used).toBe(1);
});
