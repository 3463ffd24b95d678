import { request } from 'node:http';
import type { Express, RequestHandler } from 'express';
import { beforeEach, expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { recordingLogger } from '../../faults/clients.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { gate, redisForFile, throughProxy } from '../support/redis-for-file.js';
import { ask, serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const times = <T>(count: number, act: (n: number) => T) => Array.from({ length: count }, (_, n) => act(n));
const bodies = async (replies: readonly Promise<{ body: Buffer }>[]) =>
  (await Promise.all(replies)).map(({ body }) => String(body));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A handler that stands still until the test lets its calls go on. */
function heldHandler(answer: (call: number, ...args: Parameters<RequestHandler>) => unknown) {
  const go = gate();
  let calls = 0;
  const handler: RequestHandler = async (req, res, next) => {
    const call = ++calls;
    await go.passed;
    await answer(call, req, res, next);
  };
  return { handler, go: go.open, calls: () => calls };
}

let arrived = 0;
beforeEach(() => {
  arrived = 0;
});
const countArrivals = (app: Express) =>
  app.use((_req, _res, next) => {
    arrived++;
    next();
  });

/** Waits until so many requests have arrived, and have the answers to what they asked of Redis. */
async function allWait(count: number) {
  await eventually(`${count} requests are there`, () => arrived === count);
  for (let answers = 0; answers < 4; answers++) await file.redis.ping();
}

const validated: Record<string, RequestHandler> = {
  'Cache-Control: no-cache': (_req, res) => void res.set('Cache-Control', 'no-cache').send('page'),
  'Cache-Control: max-age=0': (_req, res) => void res.set('Cache-Control', 'max-age=0').send('page'),
  'Cache-Control: public, max-age=0, must-revalidate': (_req, res) =>
    void res.set('Cache-Control', 'public, max-age=0, must-revalidate').send('page'),
};

test.each(Object.keys(validated))(
  'requests that wait for a response with an ETag and %s share it, cold and when it is validated again',
  async (kind) => {
    const cold = heldHandler((_call, ...args) => validated[kind]!(...args));
    const app = { redis: file.redis, cache: { key: () => 'page' } };
    const [one, other] = [
      await serveCached({ ...app, before: countArrivals, handler: cold.handler }),
      await serveCached({ ...app, before: countArrivals, handler: cold.handler }),
    ];
    const replies = times(20, (n) => (n % 2 ? one : other).get());
    await eventually('a handler call', () => cold.calls() === 1);
    await allWait(replies.length);
    cold.go();
    expect(new Set(await bodies(replies))).toEqual(new Set(['page']));
    expect(cold.calls()).toBe(1);
    // Each later request is validated by a handler call that ends after it arrived.
    await one.get();
    await other.get();
    expect(cold.calls()).toBe(3);
    expect((await one.get()).hit).toBe(false);
  },
);

test('a request gets no response that was validated before it arrived', async () => {
  let value = 'old';
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => void res.set('Cache-Control', 'no-cache').send(value),
  });
  await app.get();
  value = 'new';
  expect(await bodies(times(10, () => app.get()))).toEqual(times(10, () => 'new'));
});

test('readers of a failing page that may be stale share one failing handler call, in all processes', async () => {
  let isFailing = false;
  const failing = heldHandler((_call, _req, res) => void res.status(503).send('failed'));
  const handler: RequestHandler = (req, res, next) => {
    if (isFailing) return failing.handler(req, res, next);
    res.set('Cache-Control', 'max-age=0, stale-if-error=60').send('stale copy');
  };
  const app = { redis: file.redis, cache: { key: () => 'page' } };
  const [one, other] = [
    await serveCached({ ...app, before: countArrivals, handler }),
    await serveCached({ ...app, before: countArrivals, handler }),
  ];
  await one.get();
  isFailing = true;
  arrived = 0;
  const replies = times(20, (n) => (n % 2 ? one : other).get());
  await eventually('a failing call', () => failing.calls() === 1);
  await allWait(replies.length);
  failing.go();
  const all = await Promise.all(replies);
  expect(all.map(({ status, body }) => [status, String(body)])).toEqual(times(20, () => [200, 'stale copy']));
  expect(failing.calls()).toBe(1);
  for (const { headers } of all) expect(headers['cache-status']).toContain('detail=stale-if-error');
});

test('requests that waited for a handler call that broke off run their handlers at the same time', async () => {
  const held = heldHandler((call, _req, res) => {
    if (call === 1) res.destroy();
    else res.set('Cache-Control', 'private').send('own');
  });
  const app = await serveCached({ redis: file.redis, before: countArrivals, handler: held.handler });
  const replies = times(6, () => app.get().catch(() => ({ body: Buffer.from('broken off') })));
  await eventually('a handler call', () => held.calls() === 1);
  await allWait(replies.length);
  held.go();
  expect((await bodies(replies)).sort()).toEqual(['broken off', ...times(5, () => 'own')]);
});

const streams: Record<string, string> = {
  'an event stream': 'text/event-stream',
  'an event stream with a charset': 'Text/Event-Stream; charset=utf-8',
  'a stream of replaced parts': 'multipart/x-mixed-replace; boundary=x',
};

test.each(Object.keys(streams))('no request waits for %s without Cache-Control', async (kind) => {
  let open = 0;
  const close = gate();
  const app = await serveCached({
    redis: file.redis,
    handler: async (_req, res) => {
      open++;
      res.set('Content-Type', streams[kind]).write('begun');
      await close.passed;
      res.end();
    },
  });
  const replies = times(3, () => app.get());
  await eventually('all of them are open', () => open === 3, { withinMs: 2_000 });
  close.open();
  expect(await bodies(replies)).toEqual(times(3, () => 'begun'));
});

test('a request waits for a handler that hangs no longer than waitMs', async () => {
  const held = heldHandler((call, _req, res) => void res.send(`call ${call}`));
  const app = await serveCached({ redis: file.redis, handler: held.handler, cache: { waitMs: 100 } });
  const replies = times(3, () => app.get());
  await eventually('all of them run', () => held.calls() === 3, { withinMs: 2_000 });
  held.go();
  expect((await bodies(replies)).sort()).toEqual(['call 1', 'call 2', 'call 3']);
});

test('cacheResponse refuses a waitMs of 0', () => {
  expect(() => cacheResponse({ redis: file.redis, waitMs: 0 })).toThrow('waitMs');
});

const mounts: Record<
  string,
  (one: RequestHandler, two: RequestHandler) => [RequestHandler[], RequestHandler[]]
> = {
  'one for the app and one on the route': (one, two) => [[one], [two]],
  'the same one for the app and on the route': (one) => [[one], [one]],
  'the same one twice on the route': (one) => [[], [one, one]],
  'two on the route': (one, two) => [[], [one, two]],
};

test.each(Object.keys(mounts))(
  'of two cacheResponse on a request, %s, the inner one steps aside and is reported once',
  async (kind) => {
    const logger = recordingLogger();
    const make = () => cacheResponse({ redis: file.redis, ttlSeconds: 60, timeoutMs: 1_000, logger });
    const [before, after] = mounts[kind]!(make(), make());
    let calls = 0;
    const app = await serveCached({
      redis: file.redis,
      cache: { logger },
      before: (each) =>
        each.get('/twice', ...before, ...after, (_req, res) => void res.send(`call ${++calls}`)),
      handler: (_req, res) => void res.send('other'),
    });
    expect(await bodies([app.get('/twice'), app.get('/twice')])).toEqual(['call 1', 'call 1']);
    await eventually('a hit', async () => (await app.get('/twice')).hit);
    for (const path of ['/twice?a', '/twice?b']) {
      const { headers } = await app.get(path);
      expect(String(headers['cache-status']).split(',')).toHaveLength(1);
    }
    expect(logger.lines.map(({ message }) => message.split(':')[0])).toEqual(['CACHE_MOUNTED_TWICE']);
  },
);

test('an answer that is completed although its client has gone is stored, and later clients wait for it', async () => {
  const held = heldHandler((call, _req, res) => void res.send(`call ${call}`));
  const app = await serveCached({ redis: file.redis, handler: held.handler });
  for (let n = 0; n < 6; n++) {
    const client = request(app.url, { agent: false }).on('error', () => {});
    client.end();
    await eventually('it is there', () => held.calls() === 1);
    await pause(50);
    client.destroy();
    await pause(20);
  }
  const patient = app.get();
  await pause(100);
  held.go();
  expect(String((await patient).body)).toBe('call 1');
  await eventually('a hit', async () => (await app.get()).hit);
  expect(held.calls()).toBe(1);
});

test('nobody waits for a handler that gives up because its client has left', async () => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    cache: { waitMs: 60_000 },
    handler: (_req, res) => {
      if (++calls > 1) res.send(`call ${calls}`);
    },
  });
  const client = request(app.url, { agent: false }).on('error', () => {});
  client.end();
  await eventually('it is there', () => calls === 1);
  client.destroy();
  expect(await bodies(times(5, () => app.get()))).toEqual(Array(5).fill('call 2'));
});

test('a stream that a client leaves is stored if the handler goes on to its end', async () => {
  const go = gate();
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: async (_req, res) => {
      calls++;
      res.write('begun ');
      await go.passed;
      for (let n = 0; n < 100; n++) res.write('x'.repeat(1_000));
      res.end(' done');
    },
  });
  const client = request(app.url, { agent: false }).on('error', () => {});
  await new Promise((resolve) => client.once('response', resolve).end());
  client.destroy();
  await pause(50);
  go.open();
  await eventually('a hit', async () => (await app.get()).hit);
  expect(String((await app.get()).body)).toBe(`begun ${'x'.repeat(100_000)} done`);
  expect(calls).toBeLessThanOrEqual(2);
});

test('while Redis is away waiting requests share a handler call that began after they arrived', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  let value = 'old';
  const first = gate();
  let calls = 0;
  const app = await serveCached({
    redis,
    before: countArrivals,
    cache: { timeoutMs: 100 },
    handler: async (req, res) => {
      const read = value;
      if (req.path === '/' && ++calls === 1) await first.passed;
      res.send(read);
    },
  });
  await app.get('/other');
  proxy.swallow();
  const early = app.get();
  await eventually('a handler call', () => calls === 1);
  value = 'new';
  arrived = 0;
  const late = times(100, () => app.get());
  await allWait(late.length);
  first.open();
  expect(String((await early).body)).toBe('old');
  expect(new Set(await bodies(late))).toEqual(new Set(['new']));
  // Once for the first, once for those that arrived meanwhile.
  expect(calls).toBe(2);
});

test('while Redis is away requests for a personal page do not wait for each other', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const held = heldHandler(
    (call, _req, res) => void res.set('Cache-Control', 'private').send(`call ${call}`),
  );
  const warm = gate();
  const app = await serveCached({
    redis,
    cache: { timeoutMs: 100 },
    handler: (req, res, next) =>
      req.path === '/warm' ? void res.send('warm') : held.handler(req, res, next),
  });
  warm.open();
  await app.get('/warm');
  proxy.swallow();
  const replies = times(10, () => app.get('/', { headers: { authorization: 'Basic eDp5' } }));
  await eventually('all of them run', () => held.calls() === 10);
  held.go();
  expect(new Set(await bodies(replies)).size).toBe(10);
});

test('tags named by the handler do not keep a response from the cache while other things are written', async () => {
  let posts = 0;
  const app = await serveCached({
    redis: file.redis,
    cache: { tags: () => [] },
    before: (each) =>
      each.get(
        '/busy',
        cacheResponse({ redis: file.redis, ttlSeconds: 60, timeoutMs: 1_000 }),
        async (_req, res) => {
          // Somebody invalidates something else during each handler call.
          await ask(`${base()}`, '/unrelated', { method: 'PATCH' });
          posts++;
          res.cacheTags('team:1', 'user:7');
          res.send('page');
        },
      ),
    handler: (_req, res) => void res.send('x'),
    mutate: (_req, res) => void res.send('changed'),
  });
  const base = () => app.url;
  const hits: boolean[] = [];
  for (let n = 0; n < 6; n++) hits.push((await app.get('/busy')).hit);
  expect(hits).toEqual([false, false, true, true, true, true]);
  expect(posts).toBe(2);
});

const unstorable: Record<string, { method?: string; headers?: Record<string, string> }> = {
  'Cache-Control: no-store': { headers: { 'cache-control': 'no-store' } },
  Authorization: { headers: { authorization: 'Basic eDp5' } },
  'a foreign cookie': { headers: { cookie: 'who=ada' } },
  'the method HEAD': { method: 'HEAD' },
};

test.each(Object.keys(unstorable))(
  'a request with %s, whose response is not stored, writes no version',
  async (kind) => {
    const app = await serveCached({ redis: file.redis, handler: (_req, res) => void res.send('x') });
    await app.get('/invented', unstorable[kind]);
    await pause(50);
    // The epoch and the state of Redis exist once, not per request.
    expect((await file.redis.keys('*')).filter((key) => !key.startsWith('epoch:'))).toEqual([]);
  },
);

test('a public response to a request with Authorization is a hit for the next request, however slow Redis is', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const app = await serveCached({
    redis,
    handler: (_req, res) => void res.set('Cache-Control', 'public, max-age=60').send('x'),
  });
  await app.get('/warm');
  proxy.delay(20);
  const withName = { headers: { authorization: 'Basic eDp5' } };
  expect([(await app.get('/', withName)).hit, (await app.get('/', withName)).hit]).toEqual([false, true]);
});
