import express from 'express';
import { afterAll, beforeEach, expect, inject, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/index.js';
import { rateLimit } from '../../middleware/rate-limit/index.js';
import { session } from '../../middleware/session/index.js';
import { type TestRedis, testRedis } from '../../src/testing/index.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis.js';
import { gate, quiet, serve } from './support/redis-for-file.js';

let file: TestRedis;

beforeEach(async () => {
  file ??= await testRedis({ url: inject('redisUrl'), logger: quiet });
  await file.reset();
});
afterAll(() => file.stop());

const ask = async (url: string) => {
  const response = await fetch(url);
  return {
    status: response.status,
    cache: response.headers.get('cache-status'),
    body: await response.text(),
  };
};
const twice = async (url: string) => [(await ask(url)).status, (await ask(url)).status];

test('after reset a client that was refused is admitted, and its refusals are counted from one', async () => {
  const { redis, reset } = file;
  const handler = (req: express.Request, res: express.Response) => void res.send(String(req.rateLimit.used));
  const limit = rateLimit({ redis, limit: 1, windowMs: 60_000, logger: quiet, handler });
  const url = await serve(express().use(limit, handler));
  const bodies = async () => [await ask(url), await ask(url), await ask(url)].map(({ body }) => body);
  expect(await bodies()).toEqual(['1', '2', '3']);
  await reset();
  expect(await bodies()).toEqual(['1', '2', '3']);
});

test('after reset a client that was refused during an outage is admitted in the next one', async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const { redis, reset, stop } = await testRedis({ url: server.url, logger: quiet });
  onTestFinished(stop);
  const limit = rateLimit({ redis, limit: 1, onUnavailable: 'local', timeoutMs: 50, logger: quiet });
  const url = await serve(express().use(limit, (_req, res) => void res.send('in')));
  server.freeze();
  expect(await twice(url)).toEqual([200, 429]);
  server.thaw();
  await reset();
  server.freeze();
  expect(await twice(url)).toEqual([200, 429]);
  server.thaw();
});

test('after reset the same limit can be made again, and no reuse of its name is logged', async () => {
  const { redis, reset } = file;
  const logged: unknown[] = [];
  const logger = {
    warn: (...of: unknown[]) => logged.push(of),
    error: (...of: unknown[]) => logged.push(of),
  };
  const make = () => rateLimit({ redis, limit: 1, windowMs: 77_000, logger });
  make();
  await reset();
  make();
  expect(logged).toEqual([]);
  make();
  expect(logged).toHaveLength(1);
});

test('after reset a response of a near cache does not stand in for an error during an outage', async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const { redis, reset, stop } = await testRedis({ url: server.url, logger: quiet });
  onTestFinished(stop);
  const nearCache = { maxBytes: 1_000_000 };
  const cache = cacheResponse({ redis, ttlSeconds: 60, nearCache, timeoutMs: 50, logger: quiet });
  let status = 200;
  const app = express().use(cache, (_req, res) => {
    res.status(status).set('cache-control', 'max-age=60, stale-if-error=600').send('page');
  });
  const url = await serve(app);
  await ask(url);
  await eventually('it is in the near cache', async () => (await ask(url)).cache?.includes('hit') === true);
  status = 500;
  server.freeze();
  expect((await ask(url)).status).toBe(200);
  server.thaw();
  await reset();
  server.freeze();
  expect((await ask(url)).status).toBe(500);
  server.thaw();
});

test('a response that is still being compressed or stored when reset is called is not stored after it', async () => {
  const { redis, reset } = file;
  const cache = cacheResponse({ redis, ttlSeconds: 60, logger: quiet });
  const large = 'a text that compresses well. '.repeat(20_000);
  const url = await serve(express().use(cache, (_req, res) => void res.type('text').send(large)));
  for (let i = 0; i < 10; i++) {
    expect((await ask(url)).cache).toContain('fwd=uri-miss');
    await reset();
  }
});

test('reset waits for a response that the handler is still sending, so that it is not stored after it', async () => {
  const { redis, reset } = file;
  const cache = cacheResponse({ redis, ttlSeconds: 60, logger: quiet });
  const { open, passed } = gate();
  const done: string[] = [];
  const app = express().use(cache, async (_req, res) => {
    res.write('pa');
    await passed;
    res.end('ge');
    done.push('handler');
  });
  const url = await serve(app);
  const first = await fetch(url);
  const resetting = reset().then(() => done.push('reset'));
  setTimeout(open, 100);
  await resetting;
  expect(done).toEqual(['handler', 'reset']);
  expect(await first.text()).toBe('page');
  expect((await ask(url)).cache).toContain('fwd=uri-miss');
});

test('after reset requests share a handler call, though the response before could not be shared', async () => {
  const { redis, reset } = file;
  const cache = cacheResponse({ redis, ttlSeconds: 60, logger: quiet });
  let calls = 0;
  const { open, passed } = gate();
  let policy = 'no-store';
  const app = express().use(cache, async (_req, res) => {
    calls++;
    if (policy !== 'no-store') await passed;
    res.set('cache-control', policy).send('page');
  });
  const url = await serve(app);
  await ask(url);
  await reset();
  [policy, calls] = ['max-age=60', 0];
  const answers = [ask(url), ask(url), ask(url)];
  setTimeout(open, 100);
  await Promise.all(answers);
  expect(calls).toBe(1);
});

test('after reset nobody is logged in', async () => {
  const { redis, reset } = file;
  const app = express().use(session({ redis, secret: 'a secret of 16 characters', logger: quiet }));
  app.get('/login', (req, res) => {
    Object.assign(req.session, { name: 'Ada' });
    res.send('in');
  });
  app.get('/', (req, res) => void res.json({ ...req.session }));
  const url = await serve(app);
  const cookie = (await fetch(`${url}/login`)).headers.get('set-cookie')!.split(';')[0]!;
  const seen = async () => (await fetch(url, { headers: { cookie } })).text();
  expect(await seen()).toContain('Ada');
  await reset();
  expect(await seen()).not.toContain('Ada');
});
