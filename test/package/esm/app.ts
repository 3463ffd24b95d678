import { deepStrictEqual, match } from 'node:assert';
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import express from 'express';
import {
  cacheResponse,
  closeRedis,
  connectRedis,
  invalidateOn,
  rateLimit,
  type SessionMiddleware,
  session,
  stack,
  subscriber,
} from 'express-redis-toolkit';
import { testRedis } from 'express-redis-toolkit/testing';

declare module 'express-redis-toolkit' {
  interface SessionData {
    visits?: number;
  }
}

const prefix = `${randomUUID()}:`;
const redis = connectRedis();
const limit = rateLimit({ redis, prefix, windowMs: 60_000, limit: 100 });
const sessions: SessionMiddleware = session({ redis, prefix, secret: randomUUID() });
const tags = () => ['greeting'];

let greeting = 'hello';
const app = express();
app.get('/', stack(limit, sessions, cacheResponse({ redis, prefix, ttlSeconds: 60, tags })), (_req, res) => {
  res.send(greeting);
});
app.post('/', stack(limit, sessions), invalidateOn({ redis, prefix, tags }), (req, res) => {
  req.session.visits = (req.session.visits ?? 0) + 1;
  greeting = 'hello again';
  res.send(String(req.session.visits));
});
// What the package adds to Express' types reaches who imports it.
app.get('/left', limit, ({ rateLimit, idempotency }, { cacheTags }) => {
  console.log(rateLimit.remaining, rateLimit.resetTime.getTime(), idempotency?.id, cacheTags);
});

const server = app.listen(0);
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const ask = async (method = 'GET') => {
  const answer = await fetch(url, { method });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

const miss = await ask();
deepStrictEqual([miss.status, miss.text], [200, 'hello']);
match(miss.headers.get('ratelimit') ?? '', /r=99/);
await ask().then(({ headers, text }) => {
  match(headers.get('cache-status') ?? '', /hit/);
  deepStrictEqual(text, 'hello');
});
match((await ask('POST')).headers.get('set-cookie') ?? '', /HttpOnly/);
deepStrictEqual((await ask()).text, 'hello again');

server.close();
server.closeAllConnections();
await closeRedis(redis);

const file = await testRedis();
await file.reset();
await file.stop();

// Compiles with each TypeScript: the events are typed, and end with undefined.
export async function firstOrder(): Promise<number | undefined> {
  const orders = subscriber<{ orders: { id: number } }>(redis).events('orders');
  for await (const { id } of orders) return id;
  const { value, done } = await orders.next();
  return done ? value : value.id;
}
