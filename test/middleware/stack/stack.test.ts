import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { stack } from '../../../middleware/stack/stack.js';
import type { NearCacheOptions } from '../../../src/cache/near/options.js';
import { linkTo } from '../../../src/redis/link.js';
import { eventually } from '../../support/eventually.js';
import { type CountedRedis, countedRedis } from '../support/counted-redis.js';

const LIMIT = 20;

/** limiter, session and cached GET, mounted with `stack` or one by one. */
function appOn(
  { redis }: CountedRedis,
  mount: (...all: RequestHandler[]) => RequestHandler[],
  nearCache?: NearCacheOptions,
) {
  const slow = { redis, timeoutMs: 2_000 };
  const limit = rateLimit({ ...slow, windowMs: 60_000, limit: LIMIT });
  const sessions = session({ ...slow, secret: 'secret' });
  const cached = cacheResponse({
    ...slow,
    ...(nearCache && { nearCache }),
    ttlSeconds: 60,
    tags: (req) => [`user:${req.params.id}`],
  });
  const app = express();
  app.get('/login', sessions, (req, res) => {
    Object.assign(req.session, { userId: 'ann' });
    res.json({});
  });
  app.get('/users/:id', ...mount(limit, sessions, cached), (req, res) => {
    res.json({ id: req.params.id });
  });
  const server = app.listen(0);
  onTestFinished(() => void server.close());
  return server;
}

const stacked = (...all: RequestHandler[]) => [stack(...all)];
const oneByOne = (...all: RequestHandler[]) => all;

let counted: CountedRedis;

async function loggedIn(server: ReturnType<typeof appOn>): Promise<string> {
  const { headers } = await request(server).get('/login');
  return headers['set-cookie']![0]!.split(';')[0]!;
}

async function warm(mount: typeof stacked, nearCache?: NearCacheOptions) {
  const server = appOn(counted, mount, nearCache);
  const cookie = await loggedIn(server);
  const get = (path = '/users/7', headers: Record<string, string> = { cookie }) =>
    request(server).get(path).set(headers);
  // Scripts are known, and the entry is there.
  await get();
  while (!(await get()).headers['cache-status']?.includes('hit'));
  await linkTo(counted.redis).drained();
  return { server, cookie, get };
}

describe('limiter, session and a cached GET', () => {
  beforeEach(async () => {
    counted = await countedRedis();
  });
  // The limiter, the session, and the entry with its tags: its own, its URL, everything.
  const READS = ['charge', 'hgetall', 'mget'];
  // Within a bucket a client is charged without a script.
  const kinds = (commands: readonly string[]) =>
    commands.map((name) => (name === 'zadd' || name === 'evalsha' ? 'charge' : name)).sort();

  test('a hit is one write in a stack, three without, and the same commands', async () => {
    const inStack = await warm(stacked);
    const one = await counted.costOf(async () => {
      const { status, headers } = await inStack.get();
      expect([status, headers['cache-status']]).toEqual([200, expect.stringContaining('hit')]);
    });
    expect({ ...one, commands: kinds(one.commands) }).toEqual({ packets: 1, writes: 1, commands: READS });

    const separate = await warm(oneByOne);
    const three = await counted.costOf(() => separate.get());
    expect({ ...three, commands: kinds(three.commands) }).toEqual({ packets: 3, writes: 3, commands: READS });
  });

  test.each([
    { mode: 'validated', commands: ['charge', 'getrange', 'hgetall', 'mget'] },
    { mode: 'tracked', commands: ['charge', 'hgetall'] },
  ] as const)('a near hit, $mode, is one write of $commands', async ({ mode, commands }) => {
    const { get } = await warm(stacked, { maxBytes: 1_000_000, mode });
    await eventually('only these', async () => {
      const cost = await counted.costOf(() => get());
      // The heartbeats of the tracking are seen at the proxy too.
      return (
        cost.writes === 1 && `${kinds(cost.commands.filter((name) => name !== 'ping'))}` === `${commands}`
      );
    });
  });
});
