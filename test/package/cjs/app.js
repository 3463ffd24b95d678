const { deepStrictEqual, match } = require('node:assert');
const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const express = require('express');
const { Redis } = require('ioredis');
const { cacheResponse, closeRedis, rateLimit, session, stack } = require('express-redis-toolkit');

async function main() {
  const prefix = `${randomUUID()}:`;
  const redis = new Redis(process.env.REDIS_URL);
  const app = express();
  app.get(
    '/',
    stack(
      rateLimit({ redis, prefix, windowMs: 60_000, limit: 100 }),
      session({ redis, prefix, secret: randomUUID() }),
      cacheResponse({ redis, prefix, ttlSeconds: 60, tags: () => ['greeting'] }),
    ),
    (_req, res) => res.send('hello'),
  );
  const server = app.listen(0);
  await once(server, 'listening');

  const ask = () => fetch(`http://127.0.0.1:${server.address().port}/`);
  const miss = await ask();
  deepStrictEqual([miss.status, await miss.text()], [200, 'hello']);
  match(miss.headers.get('ratelimit'), /r=99/);
  const hit = await ask();
  match(hit.headers.get('cache-status'), /hit/);
  deepStrictEqual(await hit.text(), 'hello');

  server.close();
  server.closeAllConnections();
  await closeRedis(redis);
}

void main();
