import express, { type ErrorRequestHandler } from 'express';
import { expect, onTestFinished, test, vi } from 'vitest';
import { cacheResponse, invalidateOn } from '../../middleware/cache/index.js';
import { rateLimit } from '../../middleware/rate-limit/index.js';
import { session } from '../../middleware/session/index.js';
import { stack } from '../../middleware/stack/index.js';
import { cacheAside } from '../../src/cache-aside/index.js';
import { withLock } from '../../src/locks/index.js';
import { publisher, subscriber } from '../../src/messages/index.js';
import { quiet, redisForFile, serve, throughProxy } from './support/redis-for-file.js';

const file = redisForFile();

const FAKED = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'performance',
  'Date',
] as const;

/** As a test of an application does that has loaded the toolkit before. */
function fakeTimers(): void {
  vi.useFakeTimers({ toFake: [...FAKED] });
  onTestFinished(() => void vi.useRealTimers());
}

function appOn(redis: typeof file.redis) {
  const app = express();
  const limit = rateLimit({ redis, limit: 100, timeoutMs: 80, logger: quiet });
  const sessions = session({ redis, secret: 'a secret of 16 characters', timeoutMs: 80, logger: quiet });
  const cache = cacheResponse({ redis, ttlSeconds: 60, timeoutMs: 80, logger: quiet });
  app.get('/page', stack(limit, cache), (_req, res) => void res.send('page'));
  app.post('/login', stack(limit, sessions), (req, res) => {
    Object.assign(req.session, { user: 'ada' });
    res.send('in');
  });
  app.post('/page', invalidateOn({ redis, logger: quiet }), (_req, res) => void res.send('changed'));
  // Express' own error page waits for setImmediate.
  app.use(((error, _req, res, _next) => void res.status(error.status).end()) as ErrorRequestHandler);
  return app;
}

test('under fake timers requests through every middleware are answered', async () => {
  const url = await serve(appOn(file.redis));
  fakeTimers();
  const text = async (path: string, method = 'GET') => (await fetch(`${url}${path}`, { method })).text();
  expect([await text('/page'), await text('/page')]).toEqual(['page', 'page']);
  expect(await text('/login', 'POST')).toBe('in');
  expect(await text('/page', 'POST')).toBe('changed');
});

test('under fake timers values, locks and messages work', async () => {
  const { redis } = file;
  const values = cacheAside({ redis });
  fakeTimers();
  expect(await values.getOrLoad('thing:1', async () => 'made', { ttlSeconds: 60 })).toBe('made');
  expect(await withLock(redis, 'thing', { ttlMs: 5_000 }, async () => 'held')).toBe('held');
  const listening = subscriber(redis);
  const arrived = new Promise((resolve) => listening.on('news', resolve).then(() => publish('news', 1)));
  const { publish } = publisher(redis);
  expect(await arrived).toBe(1);
  listening.close();
});

test('under fake timers a request is answered within its deadlines though Redis does not answer', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const url = await serve(appOn(redis));
  proxy.swallow();
  fakeTimers();
  expect(await (await fetch(`${url}/page`)).text()).toBe('page');
  expect((await fetch(`${url}/page`, { method: 'POST' })).status).toBe(503);
});
