import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { Redis } from 'ioredis';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import { connectRedis } from '../../src/redis/connect.js';
import { serve } from '../support/child.js';

// A server of rows that lie in another Redis, which stands for the database. Handlers take a random time on both
// sides of what they read or write.
const redis = connectRedis({
  url: process.env.REDIS_URL!,
  logger: { info() {}, warn() {}, error() {} },
});
const database = new Redis(process.env.DATABASE!);
const byHandler = process.env.TAGS === 'by handler';
const mode = process.env.NEAR as 'none' | 'validated' | 'tracked';
const pause = () => sleep(Math.random() ** 4 * 30);
const tag = (id: string) => `row:${id}`;
const kill = (pid: number) => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The test was quicker.
  }
};
const app = express();

app.get(
  '/rows/:id',
  cacheResponse({
    redis,
    ttlSeconds: 60,
    timeoutMs: 1000,
    ...(mode !== 'none' && { nearCache: { maxBytes: 1_000_000, mode } }),
    tags: (req) => (byHandler ? [] : [tag(String(req.params.id))]),
  }),
  async (req, res) => {
    const { id } = req.params;
    await pause();
    const value = (await database.get(`row ${id}`)) ?? '0';
    await pause();
    if (byHandler) res.cacheTags(tag(String(id)));
    res.send(value);
  },
);
app.post(
  '/change/:id',
  invalidateOn({ redis, timeoutMs: 1000, tags: (req) => [tag(String(req.params.id))] }),
  async (req, res) => {
    await pause();
    const value = await database.incr(`row ${req.params.id}`);
    if (req.query.kill) setTimeout(kill, Math.random() ** 3 * 20, Number(req.query.kill));
    await pause();
    res.send(String(value));
  },
);

serve({
  async listen() {
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
});
