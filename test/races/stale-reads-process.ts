import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express, { type RequestHandler } from 'express';
import { Redis } from 'ioredis';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import { connectRedis } from '../../src/redis/connect.js';
import { serve } from '../support/child.js';

// A server of rows that lie in another Redis, which stands for the database. Handlers take a random time on both
// sides of what they read or write. The path of a row says how its responses are cached and how they are purged.
const redis = connectRedis({
  url: process.env.REDIS_URL!,
  logger: { info() {}, warn() {}, error() {} },
});
const database = new Redis(process.env.DATABASE!);
const pause = () => sleep(Math.random() ** 4 * 30);
const kill = (pid: number) => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The test was quicker.
  }
};
const app = express();
const common = { redis, timeoutMs: 1000 };
const tagsOf = (req: express.Request) => [`row:${String(req.params.id)}`];

const show =
  (tags: string): RequestHandler =>
  async (req, res) => {
    const id = String(req.params.id);
    const { view } = (req.body ?? {}) as { view?: number };
    await pause();
    const value = (await database.get(`row ${id}`)) ?? '0';
    await pause();
    if (tags === 'by-handler') res.cacheTags(...tagsOf(req));
    if (tags === 'by-group') res.set('Cache-Groups', `"row ${id}"`);
    res.json({ value: Number(value), ...(view !== undefined && { view }) });
  };
const change =
  (tags: string): RequestHandler =>
  async (req, res) => {
    const id = String(req.params.id);
    await pause();
    const value = await database.incr(`row ${id}`);
    if (req.query.kill) setTimeout(kill, Math.random() ** 3 * 20, Number(req.query.kill));
    await pause();
    if (tags === 'by-group') res.set('Cache-Group-Invalidation', `"row ${id}"`);
    res.json({ value });
  };

for (const near of ['none', 'validated', 'tracked'] as const) {
  const nearCache = near === 'none' ? {} : { nearCache: { maxBytes: 1_000_000, mode: near } };
  for (const tags of ['by-request', 'by-handler', 'by-group', 'by-url']) {
    const named = tags === 'by-request' ? { tags: tagsOf } : {};
    const cache = cacheResponse({ ...common, ...nearCache, ...named, ttlSeconds: 60 });
    const path = `/${near}/${tags}/:id`;
    app.use(path, cache, express.json());
    // By its URL a row is purged without a mark.
    if (tags === 'by-url') app.post(path, change(tags));
    app.all(path, show(tags));
  }
}
for (const tags of ['by-request', 'by-handler']) {
  app.post(`/change/${tags}/:id`, invalidateOn({ ...common, tags: tagsOf }), change(tags));
}
app.post('/change/by-group/:id', invalidateOn(common), change('by-group'));

serve({
  async listen() {
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
});
