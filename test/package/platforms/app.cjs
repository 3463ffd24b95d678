// An application that uses every function, for the runtimes of README's table. It ends by itself.
const { deepStrictEqual, match } = require('node:assert');
const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const express = require('express');
const toolkit = require('express-redis-toolkit');

const quiet = { warn() {}, error() {} };
// A busy machine is no outage.
const timeoutMs = 10_000;

function appOn(redis) {
  const prefix = `${randomUUID()}:`;
  const shared = { redis, prefix, timeoutMs, logger: quiet };
  const limit = toolkit.rateLimit({ ...shared, windowMs: 60_000, limit: 8 });
  const sessions = toolkit.session({ ...shared, secret: randomUUID() });
  const tags = () => ['greeting'];
  let greeting = 'hello '.repeat(50_000);
  const app = express();
  app.get(
    '/',
    toolkit.stack(limit, sessions, toolkit.cacheResponse({ ...shared, ttlSeconds: 60, tags })),
    (_req, res) => {
      res.type('text').send(greeting);
    },
  );
  app.post('/', toolkit.stack(limit, sessions), toolkit.invalidateOn({ ...shared, tags }), (req, res) => {
    req.session.visits = (req.session.visits ?? 0) + 1;
    greeting = 'changed';
    res.send(String(req.session.visits));
  });
  return app;
}

async function withServer(app, use) {
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/`;
  await use(async (options) => {
    const answer = await fetch(url, options);
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  });
  server.close();
  server.closeAllConnections();
}

async function askMiddlewares(redis) {
  await withServer(appOn(redis), async (ask) => {
    const miss = await ask();
    match(miss.headers.get('ratelimit'), /r=7/);
    const hit = await ask();
    match(hit.headers.get('cache-status'), /hit/);
    deepStrictEqual([hit.text, hit.text.length], [miss.text, 300_000]);
    const changed = await ask({ method: 'POST' });
    const cookie = changed.headers.get('set-cookie').split(';')[0];
    deepStrictEqual((await ask({ method: 'POST', headers: { cookie } })).text, '2');
    deepStrictEqual((await ask()).text, 'changed');
    const last = [await ask(), await ask(), await ask(), await ask()].map(({ status }) => status);
    deepStrictEqual(last, [200, 200, 200, 429]);
  });
}

async function useTheRest(redis) {
  const prefix = `${randomUUID()}:`;
  const cache = toolkit.cacheAside({ redis, prefix, timeoutMs });
  const load = async () => 'loaded';
  deepStrictEqual(await cache.getOrLoad('thing:1', load, { ttlSeconds: 60 }), 'loaded');
  deepStrictEqual((await cache.get('thing:1')).value, 'loaded');
  deepStrictEqual(
    await toolkit.withLock(redis, `${prefix}thing`, { ttlMs: 5_000 }, async () => 'held'),
    'held',
  );
  const hearing = toolkit.subscriber(redis, { prefix });
  const heard = new Promise((resolve) => {
    void hearing
      .on('news', resolve)
      .then(() => toolkit.publisher(redis, { prefix }).publish('news', { id: 1 }));
  });
  deepStrictEqual(await heard, { id: 1 });
  await toolkit.ping(redis, { timeoutMs });
}

async function askWithoutRedis() {
  const redis = toolkit.connectRedis({ url: 'redis://127.0.0.1:1', logger: quiet });
  await withServer(appOn(redis), async (ask) => {
    deepStrictEqual((await ask({ method: 'POST' })).status, 503);
  });
  await toolkit.closeRedis(redis, { timeoutMs: 100 });
}

async function main() {
  const redis = toolkit.connectRedis({ logger: quiet });
  await askMiddlewares(redis);
  await useTheRest(redis);
  await toolkit.closeRedis(redis);
  await askWithoutRedis();
  console.log('every function works');
}

void main();
