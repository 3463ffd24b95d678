import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import express, { type Express } from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { quiet } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis.js';
import { sized } from '../support/size.js';

const REQUESTS = sized({ quick: 3_000, full: 100_000 });
const AT_ONCE = 200;
const MEGABYTE = 1_048_576;
const REDIS_MEGABYTES = sized({ quick: 24, full: 80 });
// In all 36 MB of names and more.
const LONG = 'x'.repeat(sized({ quick: 12_000, full: 500 }));
const ALLOWED_MEGABYTES = 20;

/** A request without a socket: a hundred thousand of them need no connections. */
function ask(app: Express, url: string, headers: Record<string, string>): Promise<void> {
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { method: 'GET', url, headers: { host: 'site.example', ...headers } });
  const res = new ServerResponse(req);
  return new Promise((resolve) => {
    const { end } = res;
    res.end = ((...args: unknown[]) => {
      resolve();
      return end.apply(res, args as never);
    }) as typeof end;
    app(req as never, res as never);
  });
}

function heapMegabytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / MEGABYTE;
}

test(`${REQUESTS} URLs that clients made up: neither the process nor Redis grows without bound`, async () => {
  const server = await startRedis({
    args: ['--maxmemory', `${REDIS_MEGABYTES}mb`, '--maxmemory-policy', 'allkeys-lru'],
  });
  const redis = connectRedis({ url: server.url, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis);
    await server.stop();
  });
  let calls = 0;
  const app = express();
  app.use(cacheResponse({ redis, ttlSeconds: 60, timeoutMs: 2_000, logger: quiet }), (req, res) => {
    calls++;
    if (calls % 2) res.set('Cache-Control', 'private');
    res.vary('Accept').cacheTags('thing');
    res.send(req.url.slice(0, 40));
  });
  let next = 0;
  const client = async () => {
    while (next < REQUESTS) await ask(app, `/list?${next++}=${LONG}`, { 'if-none-match': '"any"' });
  };
  await ask(app, '/warm', {});
  const before = heapMegabytes();
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  expect(calls).toBe(REQUESTS + 1);
  const grown = () => heapMegabytes() - before;
  await eventually('the heap is small again', () => grown() < ALLOWED_MEGABYTES, { everyMs: 200 });
  console.log(`the heap grew by ${grown().toFixed(1)} MB`);
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))![1]) / MEGABYTE;
  expect(used).toBeLessThan(REDIS_MEGABYTES * 1.2);
  expect(await redis.dbsize()).toBeGreaterThan(1_000);
  for (let sample = 0; sample < 1_000; sample++) {
    expect(await redis.pttl((await redis.randomkey())!)).not.toBe(-1);
  }
}, 1_800_000);
