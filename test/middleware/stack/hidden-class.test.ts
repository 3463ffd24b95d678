import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import express, { type Request, type RequestHandler, type Response } from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { shareHiddenClass } from '../../../middleware/stack/hidden-class.js';
import { stack } from '../../../middleware/stack/stack.js';
import { redisForFile, serve } from '../support/redis-for-file.js';

setFlagsFromString('--allow-natives-syntax');
const haveSameMap = new Function('one', 'other', 'return %HaveSameMap(one, other)');
const isFast = new Function('object', 'return %HasFastProperties(object)');

const isWorthIt = Number.parseInt(process.versions.v8, 10) < 13;

const own = redisForFile();

type Pair = readonly [Request, Response];

/** The requests and responses of two calls, as a handler behind `before` sees them. */
async function twoBehind(before: RequestHandler): Promise<[Pair, Pair]> {
  const seen: Pair[] = [];
  const app = express();
  app.use(before, (req, res) => {
    seen.push([req, res]);
    res.set('Cache-Control', 'no-store').end();
  });
  const url = await serve(app);
  for (let i = 0; i < 2; i++) await fetch(url);
  return seen as [Pair, Pair];
}

// V8 keeps such classes in 64 places, by a random number of the prototype: those of one application may meet there.
async function haveBestShape(before: RequestHandler): Promise<boolean> {
  for (let application = 0; application < 5; application++) {
    const [one, other] = await twoBehind(before);
    const isBest = (object: object, position: number) =>
      isWorthIt ? haveSameMap(object, other[position]) : isFast(object);
    if (one.every(isBest)) return true;
  }
  return false;
}

const passOn: RequestHandler = (_req, _res, next) => next();

const secret = 'a secret that is long enough';

const middlewares: Record<string, () => RequestHandler> = {
  stack: () => stack(passOn),
  rateLimit: () => rateLimit({ redis: own.redis, windowMs: 60_000, limit: 1000 }),
  session: () => session({ redis: own.redis, secret }),
  cacheResponse: () => cacheResponse({ redis: own.redis, ttlSeconds: 60, ignoreRequestCacheControl: true }),
};

test.each(Object.keys(middlewares))(
  'behind %s requests have one hidden class, and so have responses, where that pays',
  async (name) => {
    expect(await haveBestShape(passOn)).toBe(!isWorthIt);
    expect(await haveBestShape(middlewares[name]!())).toBe(true);
  },
);

test('properties that are added later leave it so', async () => {
  const adding: RequestHandler = (req, res, next) => {
    Object.assign(req, { user: 'ada' });
    res.end = res.end.bind(res);
    next();
  };
  expect(await haveBestShape(stack(adding))).toBe(true);
});

test('a request keeps all that it had', async () => {
  let before: unknown;
  let after: unknown;
  await twoBehind((req, res, next) => {
    before = [propertiesOf(req), propertiesOf(res)];
    shareHiddenClass(req, res);
    shareHiddenClass(req, res);
    after = [propertiesOf(req), propertiesOf(res)];
    next();
  });
  expect(after).toEqual(before);
});

const propertiesOf = (object: object) =>
  new Map(Reflect.ownKeys(object).map((key) => [key, Object.getOwnPropertyDescriptor(object, key)]));

test('a request whose properties cannot be taken is left alone', async () => {
  const [[req, res]] = await twoBehind((req, res, next) => {
    Object.defineProperty(req, 'res', { configurable: false, writable: false });
    Object.defineProperty(res, 'req', { configurable: false, writable: false });
    shareHiddenClass(req, res);
    next();
  });
  expect(req.res).toBe(res);
  expect(res.req).toBe(req);
});

test('what Express has not touched is left alone', async () => {
  const seen: (IncomingMessage | ServerResponse)[] = [];
  const server = createServer((req, res) => {
    shareHiddenClass(req as Request, res as Response);
    seen.push(req, res);
    res.end();
  }).listen(0);
  onTestFinished(() => void server.close());
  await fetch(`http://localhost:${(server.address() as AddressInfo).port}`);
  expect(seen.map((one) => isFast(one))).toEqual([true, true]);
});
