import { once } from 'node:events';
import { request } from 'node:http';
import type { Request, Response } from 'express';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { ToolkitError } from '../../../src/errors.js';
import { linkTo } from '../../../src/redis/link.js';
import { tagVersions } from '../../../src/tags/tag-versions.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { sized } from '../../support/size.js';
import { gate, redisForFile, throughProxy } from '../support/redis-for-file.js';
import { ask, serveCached } from './support/cache-client.js';
import { closeCacheProcesses, startCacheProcesses } from './support/cache-processes.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

// One host for all, as behind a load balancer.
const wait = { headers: { host: 'site.example', 'x-wait': 'fill' } };
const perProcess = sized({ quick: 50, full: 250 });

test('many requests over four processes on a cold key: one handler call', async () => {
  const { urls, database } = await startCacheProcesses(file.server.url, 4);
  await database.set('value', 'filled');
  const replies = Promise.all(
    urls.flatMap((url) => Array.from({ length: perProcess }, () => ask(url, '/thing', wait))),
  );
  await eventually('a fill', async () => (await database.exists('reached:fill')) === 1);
  await database.set('go:fill', 1);
  expect(new Set((await replies).map(({ body }) => body.toString()))).toEqual(new Set(['filled']));
  expect(await database.get('calls')).toBe('1');
  await closeCacheProcesses();
});

test('the filler is killed: one of the others fills within the lease, and all are answered', async () => {
  const { urls, children, database } = await startCacheProcesses(file.server.url, 3);
  await database.set('value', 'filled');
  const lost = ask(urls[0]!, '/thing', wait).catch(() => 'lost');
  await eventually('a fill', async () => (await database.exists('reached:fill')) === 1);
  const others = Promise.all(
    urls.slice(1).flatMap((url) => Array.from({ length: perProcess }, () => ask(url, '/thing', wait))),
  );
  const began = performance.now();
  await children[0]!.kill();
  await database.set('go:fill', 1);
  expect(await lost).toBe('lost');
  expect(new Set((await others).map(({ status }) => status))).toEqual(new Set([200]));
  // The lease of 5 s, and the time that so many requests take.
  expect(performance.now() - began).toBeLessThan(sized({ quick: 6_000, full: 8_000 }));
  expect(await database.get('calls')).toBe('2');
  await closeCacheProcesses();
});

test('who waits gets the stored response, never the cookies of who fills', async () => {
  const filling = gate();
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    before: (each) =>
      each.use((req, res, next) => {
        res.cookie('own', req.headers['x-client'] as string);
        next();
      }),
    handler: async (_req, res) => {
      calls++;
      await filling.passed;
      res.send('shared');
    },
  });
  const replies = Promise.all(
    ['a', 'b', 'c'].map((client) => app.get('/', { headers: { 'x-client': client } })),
  );
  await eventually('a fill', () => calls === 1);
  filling.open();
  expect((await replies).map(({ headers }) => headers['set-cookie']![0]!.slice(0, 5))).toEqual([
    'own=a',
    'own=b',
    'own=c',
  ]);
  expect(calls).toBe(1);
});

test('a response that may not be stored keeps nobody waiting, and for a while nobody waits for the key', async () => {
  const bodies = gate();
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: async (_req, res) => {
      calls++;
      res.set('Cache-Control', 'private').write('begun ');
      await bodies.passed;
      res.end('done');
    },
  });
  const first = [app.get(), app.get(), app.get()];
  await eventually('all in their handlers', () => calls === 3);
  const later = [app.get(), app.get()];
  await eventually('all at once', () => calls === 5);
  bodies.open();
  for (const { body } of await Promise.all([...first, ...later])) expect(String(body)).toBe('begun done');
});

test('a handler that failed leaves its turn to the next', async () => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => {
      if (++calls === 1) res.destroy();
      else res.send('second');
    },
  });
  const [first, second] = await Promise.allSettled([app.get(), app.get()]);
  expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected']);
  expect(calls).toBe(2);
});

test('a handler that is slower than the lease keeps it, and runs once', async () => {
  const go = gate();
  let calls = 0;
  const handler = async (_req: Request, res: Response) => {
    calls++;
    await go.passed;
    res.send('slow');
  };
  const cache = { key: () => 'slow' };
  const [one, other] = [
    await serveCached({ redis: file.redis, cache, handler }),
    await serveCached({ redis: file.redis, cache, handler }),
  ];
  const first = one.get();
  await eventually('a fill', () => calls === 1);
  const leaseMs = () => file.redis.pttl('cache-lease:slow');
  await eventually('the lease is about to be over', async () => {
    await file.redis.pexpire('cache-lease:slow', 3_000);
    return (await leaseMs()) <= 3_000;
  });
  const second = other.get();
  await eventually('the lease is renewed', async () => (await leaseMs()) > 4_000);
  go.open();
  expect((await Promise.all([first, second])).map(({ body }) => String(body))).toEqual(['slow', 'slow']);
  expect(calls).toBe(1);
});

test('under a mark everybody asks the handler at once, and soon after it one does for all', async () => {
  const go = gate();
  let calls = 0;
  const app = {
    redis: file.redis,
    handler: async (_req: Request, res: Response) => {
      calls++;
      await go.passed;
      res.send('x');
    },
    cache: { key: () => 'marked' },
  };
  const [one, other] = [await serveCached(app), await serveCached(app)];
  const versions = tagVersions(file.redis, { prefix: '', timeoutMs: 1000 });
  await versions.mark(['thing'], 'mutation', 15_000);
  const marked = [one.get(), one.get(), one.get()];
  await eventually('all in their handlers', () => calls === 3);
  expect(await file.redis.pttl('cache-lease:marked')).toBeLessThanOrEqual(1_000);
  await versions.unmark(['thing'], 'mutation');
  await eventually('turns again', async () => (await file.redis.exists('cache-lease:marked')) === 0);
  const later = [other.get(), other.get(), other.get()];
  await eventually('a lease', async () => (await file.redis.exists('cache-lease:marked')) === 1);
  go.open();
  await Promise.all([...marked, ...later]);
  expect(calls).toBe(4);
});

test('a body that grows past maxBodyBytes keeps nobody waiting for its end', async () => {
  const go = gate();
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    cache: { maxBodyBytes: 10 },
    handler: async (_req, res) => {
      calls++;
      res.write('more than ten bytes');
      await go.passed;
      res.end();
    },
  });
  const all = [app.get(), app.get(), app.get()];
  await eventually('all in their handlers', () => calls === 3);
  go.open();
  await Promise.all(all);
});

test('a second look beside a lease that fails counts as the first did, and leaves no lease behind', async () => {
  let calls = 0;
  const { redis } = await throughProxy(file.server);
  const app = await serveCached({
    redis,
    cache: { key: () => 'looked' },
    handler: (_req, res) => void res.send(`call ${++calls}`),
  });
  await app.get('/warm-up');
  await emptyRedis(file.redis);
  // Only the second of the two reads of the entry fails.
  const looks = linkTo(redis);
  const send = looks.send.bind(looks);
  let reads = 0;
  looks.send = ((name: string, args: [string], ask: never) =>
    name === 'mget' && args[0] === 'cache:looked' && ++reads === 2
      ? Promise.reject(new ToolkitError('REDIS_UNAVAILABLE', 'too slow'))
      : send(name, args, ask)) as typeof looks.send;
  onTestFinished(() => void Reflect.deleteProperty(looks, 'send'));
  expect(String((await app.get()).body)).toBe('call 2');
  expect(reads).toBe(2);
  await eventually('no lease', async () => (await file.redis.keys('cache-lease:*')).length === 0);
  await eventually('a hit', async () => (await app.get()).hit);
  expect(calls).toBe(2);
});

test('clients that went away while they waited for their turn delay nobody', async () => {
  const gone: Promise<unknown>[] = [];
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    before: (each) =>
      each.use(async (req, res, next) => {
        if (req.headers['x-leaves']) {
          const closed = once(res, 'close');
          gone.push(closed);
          await closed;
        }
        next();
      }),
    handler: (_req, res) => void res.send(String(++calls)),
  });
  const leaving = Array.from({ length: 3 }, () =>
    request(app.url, { headers: { 'x-leaves': 'yes' }, agent: false })
      .on('error', () => {})
      .end(),
  );
  await eventually('all are there', () => gone.length === 3);
  for (const client of leaving) client.destroy();
  await Promise.all(gone);
  expect(String((await app.get()).body)).toBe('1');
});

test('after Redis lost its data, while nothing is stored, the requests of a process share handler calls and loads', async () => {
  const calls = { handler: 0, load: 0 };
  const answer = async () => new Promise((resolve) => setTimeout(resolve, 100));
  const app = await serveCached({
    redis: file.redis,
    cache: { timeoutMs: 5_000 },
    invalidate: { timeoutMs: 5_000 },
    handler: async (_req, res) => {
      calls.handler++;
      await answer();
      res.send('answer');
    },
    mutate: (_req, res) => void res.send('changed'),
  });
  const aside = cacheAside({ redis: file.redis, timeoutMs: 5_000 });
  const load = async () => {
    calls.load++;
    await answer();
    return 'value';
  };
  await ask(app.url, '/thing', { method: 'PATCH' });
  await file.redis.flushall();
  Object.assign(calls, { handler: 0, load: 0 });
  const replies = await Promise.all(Array.from({ length: 20 }, () => app.get('/thing')));
  expect(replies.map(({ stored }) => stored)).toEqual(Array(20).fill(false));
  await Promise.all(Array.from({ length: 20 }, () => aside.getOrLoad('thing:1', load, { ttlSeconds: 60 })));
  // Who came after a call had begun shares the next one.
  expect(calls.handler).toBeLessThanOrEqual(2);
  expect(calls.load).toBeLessThanOrEqual(2);
});
