import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import express, { type RequestHandler } from 'express';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import type { CacheResponseOptions } from '../../middleware/cache/options.js';
import { rateLimit } from '../../middleware/rate-limit/rate-limit.js';
import { session } from '../../middleware/session/session.js';
import { stack } from '../../middleware/stack/index.js';
import { channels } from '../../scripts/events-reference.js';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import type { DiagnosticName } from '../../src/diagnostics.js';
import { withLock } from '../../src/locks/with-lock.js';
import { emptyRedis } from '../support/empty-redis.js';
import { eventually } from '../support/eventually.js';
import { ask } from './cache/support/cache-client.js';
import { data, SECRET } from './session/support/session-client.js';
import { quiet, redisForFile, serve, throughProxy } from './support/redis-for-file.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

type Heard = Record<string, unknown> & { readonly name: string };

/** All events from now on, in order. */
function listen(): Heard[] {
  const heard: Heard[] = [];
  for (const { name } of channels()) {
    const note = (event: unknown) => {
      const copy = Object.defineProperties({ name }, Object.getOwnPropertyDescriptors(event as object));
      heard.push(copy as unknown as Heard);
    };
    subscribe(`express-redis-toolkit:${name}`, note);
    onTestFinished(() => void unsubscribe(`express-redis-toolkit:${name}`, note));
  }
  return heard;
}
const namesOf = (heard: Heard[]) => heard.map(({ name }) => name as DiagnosticName);

async function appOf(
  redis = file.redis,
  cache: Partial<CacheResponseOptions> = {},
  handler?: RequestHandler,
) {
  const limit = rateLimit({
    redis,
    identifier: 'api',
    limit: 3,
    windowMs: 60_000,
    logger: quiet,
    skip: (req) => req.headers['x-skip'] !== undefined,
  });
  const sessions = session({ redis, secret: SECRET, logger: quiet, timeoutMs: 1000 });
  const cached = cacheResponse({ redis, ttlSeconds: 60, logger: quiet, timeoutMs: 1000, ...cache });
  const app = express();
  app.get('/users/:id', stack(limit, sessions, cached), handler ?? ((_req, res) => void res.send('x')));
  app.get('/me', sessions, (req, res) => {
    data(req).user = String(req.query.as);
    res.send('me');
  });
  app.get('/me/:act', sessions, async (req, res) => {
    if (req.params.act === 'late') {
      res.write('me ');
      data(req).user = 'ann';
    } else await req.session.destroy();
    res.end('bye');
  });
  app.post(
    '/users/:id',
    invalidateOn({ redis, timeoutMs: 150, logger: quiet }),
    (_req, res) => void res.end(),
  );
  app.use(((_err, _req, res, _next) => res.status(503).end()) as express.ErrorRequestHandler);
  const url = await serve(app);
  return (path: string, headers = {}, method = 'GET') => ask(url, path, { headers, method });
}

test('a miss, a hit and a refusal are published once each, with limiter, route, duration and request', async () => {
  const get = await appOf();
  const heard = listen();
  await get('/users/7');
  await eventually('it is stored', async () => namesOf(heard).includes('filled'));
  await get('/users/7');
  await get('/users/7');
  await get('/users/7', { cookie: 'jwt=secret' });
  expect(namesOf(heard)).toEqual([
    'admitted',
    'miss',
    'filled',
    'admitted',
    'hit',
    'admitted',
    'hit',
    'refused',
  ]);
  for (const event of heard) {
    expect(event).toMatchObject({ route: '/users/:id', durationMs: expect.any(Number) });
    expect(event.durationMs).toBeGreaterThan(0);
    expect(event.request).toMatchObject({ originalUrl: '/users/7' });
  }
  expect(heard[0]).toMatchObject({ identifier: 'api', by: 'redis', cost: 1, admitted: true });
  expect(heard[1]).toMatchObject({ fwd: 'uri-miss', stored: true, collapsed: false });
  expect(heard.at(-1)).toMatchObject({ identifier: 'api', admitted: false });
  expect(inspect(heard.at(-1), { depth: 9 })).not.toContain('secret');
  expect(JSON.stringify(heard)).not.toContain('secret');
});

test('the charge of a request that does not count is published as given back', async () => {
  const app = express();
  const options = { redis: file.redis, prefix: 'refunds:', logger: quiet, keyGenerator: () => 'ann' };
  const limit = rateLimit({ ...options, identifier: 'api', cost: 2, skipFailedRequests: true });
  app.get('/users/:id', limit, (req, res) => void res.status(Number(req.params.id)).end());
  const url = await serve(app);
  const heard = listen();
  await ask(url, '/users/200', { headers: {} });
  await ask(url, '/users/404', { headers: {} });
  await eventually('a refund', async () => namesOf(heard).includes('refunded'));
  expect(namesOf(heard)).toEqual(['admitted', 'admitted', 'refunded']);
  expect(heard[2]).toMatchObject({ identifier: 'api', key: 'ann', cost: 2, route: '/users/:id' });
});

test('ten requests that share one handler call are one miss and nine collapsed ones', async () => {
  const heard = listen();
  const arrived = () => namesOf(heard).filter((name) => name === 'uncounted').length;
  const get = await appOf(file.redis, {}, async (_req, res) => {
    await eventually('all have arrived', async () => arrived() === 10);
    // Their look-ups are sent before anything is stored.
    await file.redis.ping();
    res.send('x');
  });
  await Promise.all(Array.from({ length: 10 }, () => get('/users/7', { 'x-skip': '1' })));
  const decided = heard.filter(({ name }) => name === 'miss' || name === 'hit' || name === 'bypassed');
  expect(decided).toHaveLength(10);
  expect(decided.filter(({ stored }) => stored)).toHaveLength(1);
  expect(decided.filter(({ collapsed }) => collapsed)).toHaveLength(9);
  expect(heard.filter(({ name }) => name === 'uncounted')).toHaveLength(10);
  expect(heard[0]).toMatchObject({ name: 'uncounted', identifier: 'api', reason: 'skipped' });
});

test('a refresh in the background is no second decision', async () => {
  let calls = 0;
  const handler: RequestHandler = (_req, res) =>
    void res.set('Cache-Control', 'max-age=0, stale-while-revalidate=60').send(`call ${++calls}`);
  const get = await appOf(file.redis, {}, handler);
  const heard = listen();
  const decided = () =>
    namesOf(heard).filter((name) => name === 'hit' || name === 'miss' || name === 'filled');
  await get('/users/7');
  await eventually('it is stored', async () => decided().length === 2);
  await get('/users/7');
  await eventually('it is stored again', async () => decided().length === 4);
  expect(decided()).toEqual(['miss', 'filled', 'hit', 'filled']);
});

test('without Redis, requests that pass uncounted and uncached are published with the reason', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const get = await appOf(redis, { timeoutMs: 150 });
  proxy.swallow();
  const heard = listen();
  await Promise.all([get('/users/7'), get('/users/7', {}, 'POST')]);
  const of = (name: string) => heard.filter((event) => event.name === name);
  expect(of('uncounted')).toMatchObject([{ reason: 'redis-unavailable', route: '/users/:id' }]);
  expect(of('bypassed')).toMatchObject([{ fwd: 'bypass', detail: 'redis-unavailable' }]);
  expect(
    of('fallback')
      .map(({ middleware }) => middleware)
      .sort(),
  ).toEqual(['cacheResponse', 'invalidateOn', 'rateLimit']);
  for (const event of of('fallback')) {
    expect(event).toMatchObject({ route: '/users/:id', request: { originalUrl: '/users/7' } });
    expect(Object.keys(event)).not.toContain('request');
  }
});

test('a session is published as created, loaded, updated, ended and lost, once each', async () => {
  const get = await appOf();
  const heard = listen();
  const { headers } = await get('/me?as=ann');
  const cookie = String(headers['set-cookie']![0]!.split(';')[0]);
  await get('/me?as=bob', { cookie });
  await get('/me/end', { cookie });
  await get('/me/end', { cookie });
  await get('/me/late');
  await session({ redis: file.redis, secret: SECRET, logger: quiet }).destroyById('nobody');
  expect(heard).toMatchObject([
    { name: 'session-saved', outcome: 'created' },
    { name: 'session-loaded', found: true, durationMs: expect.any(Number) },
    { name: 'session-saved', outcome: 'updated', durationMs: expect.any(Number) },
    { name: 'session-loaded', found: true },
    { name: 'session-destroyed', durationMs: expect.any(Number) },
    { name: 'session-loaded', found: false },
    { name: 'session-lost', reason: 'response begun' },
  ]);
  const urls = heard.map(({ request }) => (request as express.Request).originalUrl);
  expect(urls).toEqual([
    '/me?as=ann',
    '/me?as=bob',
    '/me?as=bob',
    '/me/end',
    '/me/end',
    '/me/end',
    '/me/late',
  ]);
  const written = heard.filter(({ name }) => name !== 'session-loaded');
  expect(written.map(({ route }) => route)).toEqual(['/me', '/me', '/me/:act', '/me/:act']);
  expect(JSON.stringify(heard)).not.toContain(cookie);
});

test('a purge names the request that made it', async () => {
  const post = await appOf();
  const heard = listen();
  await post('/users/7', {}, 'POST');
  expect(heard).toMatchObject([{ name: 'purged', route: '/users/:id', durationMs: expect.any(Number) }]);
  expect(heard[0]!.request).toMatchObject({ method: 'POST' });
});

test('cacheAside publishes each look-up, each load and each value stored once', async () => {
  const cache = cacheAside({ redis: file.redis, logger: quiet });
  const heard = listen();
  for (let i = 0; i < 2; i++) await cache.getOrLoad('user:7', async () => 'ann', { ttlSeconds: 60 });
  await cache.get('user:7');
  await expect(
    cache.getOrLoad('user:8', () => Promise.reject(new Error('broken')), { ttlSeconds: 60 }),
  ).rejects.toThrow('broken');
  await cache.invalidateTags(['a']);
  const { values, since } = await cache.getMany(['user:7', 'user:9']);
  expect([...values.keys()]).toEqual(['user:7']);
  await cache.set('user:9', 'bob', { since, ttlSeconds: 60 });
  await cache.del('user:9');
  await cache.set('user:9', 'bob', { since, ttlSeconds: 60 });
  await cache.set('user:9', 'bob', { since, ttlSeconds: () => 0 });
  expect(heard).toMatchObject([
    { name: 'value-miss', key: 'user:7', unavailable: false },
    { name: 'value-loaded', failed: false },
    { name: 'value-stored', key: 'user:7', outcome: 'stored', durationMs: expect.any(Number) },
    { name: 'value-hit', stale: false },
    { name: 'value-hit' },
    { name: 'value-miss', key: 'user:8' },
    { name: 'value-loaded', failed: true },
    { name: 'purged' },
    { name: 'value-hit', key: 'user:7' },
    { name: 'value-miss', key: 'user:9' },
    { name: 'value-stored', key: 'user:9', outcome: 'stored' },
    { name: 'purged', tags: ['key:user:9'] },
    { name: 'value-stored', key: 'user:9', outcome: 'invalidated' },
    { name: 'value-stored', key: 'user:9', outcome: 'uncached' },
  ]);
});

test('without Redis, cacheAside says what becomes of values and changes', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const common = { redis, logger: quiet, timeoutMs: 150 };
  const [refusing, proceeding] = [cacheAside(common), cacheAside({ ...common, onUnavailable: 'proceed' })];
  const { since } = await refusing.get('user:7');
  proxy.swallow();
  const heard = listen();
  const refused = { code: 'INVALIDATION_REFUSED' };
  await expect(refusing.mutate(['a'], async () => 1)).rejects.toMatchObject(refused);
  expect(await proceeding.mutate(['a'], async () => 1)).toBe(1);
  const set = refusing.set('user:7', 'ann', { since, ttlSeconds: 60 });
  await expect(set).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  expect(heard.filter(({ name }) => name !== 'unavailable')).toMatchObject([
    { name: 'fallback', middleware: 'cacheAside', onUnavailable: 'refuse' },
    { name: 'fallback', middleware: 'cacheAside', onUnavailable: 'proceed' },
    { name: 'value-stored', key: 'user:7', outcome: 'unavailable' },
  ]);
});

test('withLock publishes a lock that it got, released, and did not get', async () => {
  const heard = listen();
  await withLock(file.redis, 'report', { ttlMs: 5000 }, () =>
    expect(
      withLock(file.redis, 'report', { ttlMs: 5000, waitMs: 50 }, () => undefined),
    ).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' }),
  );
  expect(heard).toMatchObject([
    { name: 'lock-acquired', resource: 'report', fencing: expect.any(Number) },
    { name: 'lock-refused', resource: 'report', error: { code: 'LOCK_TIMEOUT' } },
    { name: 'lock-released', resource: 'report', lost: false },
  ]);
});
