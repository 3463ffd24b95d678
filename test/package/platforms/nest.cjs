// A NestJS application without an adapter or a filter of its own. It ends by itself.
require('reflect-metadata');
const { deepStrictEqual, match } = require('node:assert');
const { randomUUID } = require('node:crypto');
const { Controller, Get, Module, Post, Req } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const toolkit = require('express-redis-toolkit');

const redis = toolkit.connectRedis(process.env.REDIS_URL);
const shared = { redis, prefix: `${randomUUID()}:`, timeoutMs: 10_000, logger: { warn() {}, error() {} } };
const limit = toolkit.rateLimit({ ...shared, windowMs: 60_000, limit: 5 });
const sessions = toolkit.session({ ...shared, secret: randomUUID() });

class Visits {
  count(req) {
    req.session.visits = (req.session.visits ?? 0) + 1;
    return { visits: req.session.visits };
  }

  refuse() {
    throw new toolkit.ToolkitError('REDIS_UNAVAILABLE', 'Redis is away');
  }

  time() {
    return { now: process.hrtime.bigint().toString() };
  }
}
decorate('count', Post('visits'));
Req()(Visits.prototype, 'count', 0);
decorate('refuse', Get('away'));
decorate('time', Get('time'));
Controller()(Visits);

class App {}
Module({ controllers: [Visits] })(App);

function decorate(name, decorator) {
  decorator(Visits.prototype, name, Object.getOwnPropertyDescriptor(Visits.prototype, name));
}

async function main() {
  const app = await NestFactory.create(App, { logger: false });
  app.use('/time', toolkit.cacheResponse({ ...shared, ttlSeconds: 60 }));
  app.use('/visits', toolkit.stack(limit, sessions));
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const ask = (path, options) => fetch(url + path, options);

  const first = await ask('/visits', { method: 'POST' });
  match(first.headers.get('ratelimit'), /r=4/);
  const cookie = first.headers.get('set-cookie').split(';')[0];
  deepStrictEqual(await (await ask('/visits', { method: 'POST', headers: { cookie } })).json(), {
    visits: 2,
  });
  const [miss, hit] = [await ask('/time'), await ask('/time')];
  deepStrictEqual(await hit.text(), await miss.text());
  match(hit.headers.get('cache-status'), /hit/);
  const away = await ask('/away');
  deepStrictEqual([away.status, (await away.json()).statusCode], [503, 503]);
  const statuses = [];
  for (let n = 0; n < 4; n++) statuses.push((await ask('/visits', { method: 'POST' })).status);
  deepStrictEqual(statuses, [201, 201, 201, 429]);
  await app.close();
  await toolkit.closeRedis(redis);
  console.log('every function works');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
