import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { ask } from '../middleware/cache/support/cache-client.js';
import { quiet, serve } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type TestRedis } from '../support/redis.js';

async function startSite(server: TestRedis, url = server.url) {
  const redis = connectRedis({ url, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis, { timeoutMs: 100 });
    await server.stop();
  });
  const app = express();
  app.use(cacheResponse({ redis, ttlSeconds: 60, logger: quiet }), (req, res) => {
    res.send(`from the handler: ${req.url}`);
  });
  const site = await serve(app);
  const get = (path: string) => ask(site, path);
  const answers = async () => {
    for (let asked = 0; asked < 5; asked++) {
      const began = performance.now();
      const { status, body } = await get(`/page/${asked}`);
      expect([status, String(body)]).toEqual([200, `from the handler: /page/${asked}`]);
      expect(performance.now() - began).toBeLessThan(1_000);
    }
  };
  const caches = () => eventually('a hit', async () => (await get('/page/0')).hit);
  return { redis, answers, caches };
}

const faults: Record<string, { begin: (server: TestRedis) => unknown; end: (server: TestRedis) => unknown }> =
  {
    frozen: { begin: (server) => server.freeze(), end: (server) => server.thaw() },
    killed: { begin: (server) => server.kill(), end: (server) => server.restart() },
  };

test.each(Object.keys(faults))(
  'Redis %s: the site keeps answering, and caches again afterwards',
  async (fault) => {
    const server = await startRedis();
    const { answers, caches } = await startSite(server);
    await caches();
    await faults[fault]!.begin(server);
    await answers();
    await faults[fault]!.end(server);
    await caches();
  },
);

test('Redis absent at boot: the site answers', async () => {
  const server = await startRedis();
  const { answers } = await startSite(server, 'redis://127.0.0.1:1');
  await answers();
});

test('Redis full, or refusing writes alone: the site answers, and what is there is served', async () => {
  const server = await startRedis();
  const { redis, answers, caches } = await startSite(server);
  await caches();
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  await redis.config('SET', 'maxmemory', '1');
  await caches();
  await answers();
  await redis.config('SET', 'maxmemory', '0');
  await redis.config('SET', 'min-replicas-to-write', '1');
  await caches();
  await answers();
});
