import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import express, { type Express } from 'express';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../../middleware/cache/invalidate-on.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { stack } from '../../../middleware/stack/stack.js';
import { linkTo } from '../../../src/redis/link.js';
import { data } from '../session/support/session-client.js';
import { type Cost, type CountedRedis, countedRedis } from '../support/counted-redis.js';

interface Asked {
  readonly method?: 'get' | 'post' | 'patch';
  readonly path: string;
  readonly status?: number;
  readonly cookie?: boolean;
  /** Requests of the same client before the one that is counted. */
  readonly before?: number;
}

const ALL = 'stack(rateLimit, session, cacheResponse)';
const TWO = 'stack(rateLimit, session)';

/** What the table of the performance guide has in its first column, and the request that costs it. */
const REQUESTS: Record<string, Asked> = {
  'rateLimit: admitted': { path: '/limited' },
  'rateLimit: admitted by two policies': { path: '/limited-twice' },
  'rateLimit: refused': { path: '/limited', before: 1, status: 429 },
  'rateLimit: refused again': { path: '/limited', before: 2, status: 429 },
  'session: no cookie': { path: '/session' },
  'session: read': { path: '/session', cookie: true },
  'session: changed': { method: 'patch', path: '/session', cookie: true },
  'session: new': { method: 'patch', path: '/session' },
  'cacheResponse: hit': { path: '/cached/1', before: 1 },
  'cacheResponse: miss': { path: '/cached/2' },
  'invalidateOn: one tag': { method: 'patch', path: '/cached/1' },
  [`${ALL}: hit`]: { path: '/stacked/1', cookie: true, before: 1 },
  [`${ALL}: hit, no cookie`]: { path: '/stacked/1', before: 1 },
  [`${ALL}: miss`]: { path: '/stacked/2', cookie: true },
  [`${ALL}: refused`]: { path: '/refusing/1', cookie: true, before: 1, status: 429 },
  [`${ALL}: refused again`]: { path: '/refusing/1', cookie: true, before: 2, status: 429 },
  [`${TWO}: session read`]: { path: '/visits', cookie: true },
  [`${TWO}: session changed`]: { method: 'post', path: '/visits', cookie: true },
  [`${TWO}: session new`]: { method: 'post', path: '/visits' },
  [`${TWO}, invalidateOn: one tag`]: { method: 'patch', path: '/stacked/1', cookie: true },
  [`${TWO}, invalidateOn: one tag, session changed`]: {
    method: 'post',
    path: '/stacked/1',
    cookie: true,
  },
};

function appOn(redis: CountedRedis['redis']): Express {
  // A busy machine is no outage.
  const common = { redis, timeoutMs: 5_000 };
  const keyGenerator = (req: express.Request) => req.get('client')!;
  const refusing = rateLimit({ ...common, keyGenerator, limit: 1 });
  const limit = rateLimit({ ...common, keyGenerator, limit: 100, identifier: 'plenty' });
  const hour = 3_600_000;
  const policies = [
    { name: 'minute', limit: 10, windowMs: 60_000 },
    { name: 'hour', limit: 100, windowMs: hour },
  ];
  const sessions = session({ ...common, secret: 'secret' });
  const cached = cacheResponse({ ...common, ttlSeconds: 60, tags: () => ['tag'] });
  const purge = invalidateOn({ ...common, tags: () => ['tag'] });
  const read: express.RequestHandler = (req, res) => void res.json(data(req).n ?? 0);
  const change: express.RequestHandler = (req, res) => {
    data(req).n = (data(req).n ?? 0) + 1;
    res.end();
  };
  const row: express.RequestHandler = (_req, res) => void res.json({ row: 1 });
  return express()
    .get('/limited', refusing, row)
    .get('/limited-twice', rateLimit({ ...common, keyGenerator, policies }), row)
    .get('/session', sessions, read)
    .patch('/session', sessions, change)
    .get('/cached/:id', cached, row)
    .patch('/cached/:id', purge, row)
    .get('/stacked/:id', stack(limit, sessions, cached), row)
    .get('/refusing/:id', stack(refusing, sessions, cached), row)
    .get('/visits', stack(limit, sessions), read)
    .post('/visits', stack(limit, sessions), change)
    .patch('/stacked/:id', stack(limit, sessions), purge, row)
    .post('/stacked/:id', stack(limit, sessions), purge, change);
}

async function costOf(counted: CountedRedis, server: Server, asked: Asked): Promise<Cost> {
  const { method = 'get', path, status = 200, cookie, before = 0 } = asked;
  const send = (client: string, own?: string, to = path) =>
    request(server)
      [method](to)
      .set({ client, ...(own && { cookie: own }) });
  const settled = () => linkTo(counted.redis).drained();
  const login = await request(server).patch('/session').set({ client: 'login' });
  const own = login.headers['set-cookie']![0]!.split(';')[0]!;
  // Redis knows the scripts from here on; what is asked for stays unknown to the cache.
  for (let turn = 0; turn < 3; turn++) {
    await send('other', own, path.replace(/\d$/, '9'));
    await settled();
  }
  for (let turn = 0; turn < before; turn++) {
    await send('one', cookie ? own : undefined);
    await settled();
  }
  return counted.costOf(async () => {
    expect((await send('one', cookie ? own : undefined)).status).toBe(status);
    await settled();
  });
}

/** As the table has it: `2 EVALSHA, 4 GET`. */
function named(commands: readonly string[]): string {
  const names = [...new Set(commands)].sort();
  return names
    .map((name) => `${commands.filter((other) => other === name).length} ${name.toUpperCase()}`)
    .join(', ');
}

const page = readFileSync(join(__dirname, '../../../docs/guides/performance.md'), 'utf8');
const documented = new Map(
  [...page.matchAll(/^\| `([^`]+)`: ([^|]+) \| (\d) \| ([^|]*) \|$/gm)].map(
    ([, middleware, what, roundTrips, commands]) => [`${middleware}: ${what}`, { roundTrips, commands }],
  ),
);

test('the performance guide says what each of these costs, and of nothing else', () => {
  expect([...documented.keys()]).toEqual(Object.keys(REQUESTS));
});

test.each(Object.entries(REQUESTS))('%s costs what the performance guide says', async (what, asked) => {
  const counted = await countedRedis();
  const server = appOn(counted.redis).listen(0);
  onTestFinished(() => void server.close());
  const { packets, writes, commands } = await costOf(counted, server, asked);
  expect({ roundTrips: `${writes}`, commands: named(commands) }).toEqual(documented.get(what));
  expect(packets).toBe(writes);
});
