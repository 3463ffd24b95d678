// A session that has to be stored holds the response. Another middleware holds or replaces the same response.
import express, { type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../../middleware/cache/invalidate-on.js';
import { idempotent } from '../../../middleware/idempotent/idempotent.js';
import { session } from '../../../middleware/session/session.js';
import { stack } from '../../../middleware/stack/stack.js';
import { eventually } from '../../support/eventually.js';
import { ask } from '../cache/support/cache-client.js';
import { data, SECRET, tellError } from '../session/support/session-client.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';

const file = redisForFile();
let scenes = 0;
const common = () => ({ redis: file.redis, prefix: `scene${scenes}:`, logger: quiet, timeoutMs: 5000 });

const sends: RequestHandler = (_req, res) => void res.send('hello');
const streams: RequestHandler = (_req, res) => {
  res.write('he');
  setImmediate(() => res.end('llo'));
};
const changes: RequestHandler = (req, _res, next) => {
  data(req).user = `u${Math.random()}`;
  next();
};
const cannotBeStored: RequestHandler = (req, _res, next) => {
  Object.assign(req.session, { user: 1n });
  next();
};
const beside: Record<string, () => RequestHandler> = {
  cacheResponse: () => cacheResponse({ ...common(), ttlSeconds: 60, shared: true }),
  invalidateOn: () => invalidateOn({ ...common(), tags: () => ['thing'] }),
  idempotent: () => idempotent({ ...common(), scope: () => 'me' }),
};

async function served(partsOf: () => RequestHandler[], handler: RequestHandler, isStack = false) {
  scenes += 1;
  const app = express();
  const all = [session({ ...common(), secret: SECRET }), ...partsOf()];
  app.all('/', ...(isStack ? [stack(...all)] : all), handler);
  app.use(tellError);
  return serve(app);
}

const post = (url: string) =>
  ask(url, '/', { method: 'POST', headers: { 'idempotency-key': `"${Math.random()}"` } });

test.each(
  Object.keys(beside).flatMap((name) =>
    [sends, streams].flatMap((handler) => [true, false].map((isStack) => [name, handler.name, isStack])),
  ) as [string, string, boolean][],
)(
  'a POST behind session and %s, whose handler %s, is whole and its session is stored (in a stack: %s)',
  async (name, way, isStack) => {
    const handler: RequestHandler = (req, res, next) =>
      changes(req, res, () => (way === 'sends' ? sends : streams)(req, res, next));
    const url = await served(() => [beside[name]!()], handler, isStack);
    const { status, body, headers } = await post(url);
    expect([status, String(body)]).toEqual([200, 'hello']);
    expect(String(headers['set-cookie'])).toMatch(/sid=/);
    expect(await file.redis.keys(`scene${scenes}:session:*`)).toHaveLength(1);
  },
);

const failsLater = (): RequestHandler => {
  let calls = 0;
  return (_req, res) => {
    if (++calls > 1) return void res.status(500).send('broken');
    res.set('Cache-Control', 'max-age=0, stale-if-error=60').send('hello');
  };
};
const sayingHello =
  (control: string): RequestHandler =>
  (_req, res) =>
    void res.set({ 'Cache-Control': control, ETag: '"e"' }).send('hello');

const inPlace: Record<string, { handler: () => RequestHandler; headers?: Record<string, string> }> = {
  'a stale response at once': { handler: () => sayingHello('max-age=0, stale-while-revalidate=60') },
  'a stale response for an error': { handler: failsLater },
  'a validated response': { handler: () => sayingHello('no-cache') },
};

test.each(Object.keys(inPlace))('the cache sends %s once the session is stored', async (name) => {
  const url = await served(() => [changes, beside.cacheResponse!()], inPlace[name]!.handler());
  await ask(url, '/');
  await eventually('an entry', async () => (await file.redis.keys(`scene${scenes}:cache:*`)).length > 0);
  const { status, body, headers } = await ask(url, '/');
  expect([status, String(body)]).toEqual([200, 'hello']);
  expect(headers['cache-status']).toMatch(/;ttl=/);
  expect(String(headers['set-cookie'])).toMatch(/sid=/);
});

test('the cache says that the copy of the client is current once the session is stored', async () => {
  const url = await served(() => [changes, beside.cacheResponse!()], sayingHello('max-age=60'));
  const conditional = { headers: { 'if-none-match': '"e"' } };
  // The first one passes the condition on: a 304 of the handler cannot be stored.
  await ask(url, '/', conditional);
  const { status, headers } = await ask(url, '/', conditional);
  expect(status).toBe(304);
  expect(String(headers['set-cookie'])).toMatch(/sid=/);
});

const streamed: RequestHandler = (req, res, next) => {
  res.set('ETag', '"e"');
  streams(req, res, next);
};

test.each(Object.keys(inPlace))(
  'the client gets the error of a session that is not stored, where the cache sends %s',
  async (name) => {
    let isBroken = false;
    const url = await served(
      () => [
        (req, res, next) => (isBroken ? cannotBeStored : changes)(req, res, next),
        beside.cacheResponse!(),
      ],
      inPlace[name]!.handler(),
    );
    await ask(url, '/');
    await eventually('an entry', async () => (await file.redis.keys(`scene${scenes}:cache:*`)).length > 0);
    isBroken = true;
    expect((await ask(url, '/')).status).toBe(500);
  },
);

test.each([undefined, '"e"'])(
  'the error of a session that is not stored is not stored as the rest of the body (If-None-Match: %s)',
  async (validator) => {
    let isBroken = true;
    const url = await served(
      () => [
        (req, res, next) => (isBroken ? cannotBeStored : changes)(req, res, next),
        beside.cacheResponse!(),
      ],
      streamed,
    );
    const first = await ask(
      url,
      '/',
      validator === undefined ? {} : { headers: { 'if-none-match': validator } },
    );
    expect(first.status).toBe(500);
    isBroken = false;
    expect(String((await ask(url, '/')).body)).toBe('hello');
  },
);

test.each(Object.keys(beside))(
  'the error of a session that is not stored arrives although %s holds the end of the response',
  async (name) => {
    const url = await served(
      () => [cannotBeStored, beside[name]!()],
      (_req, res) => {
        res.write('he');
        res.end('llo');
      },
    );
    const { status, body } = await post(url);
    expect([status, String(body)]).toEqual([500, expect.stringContaining('error')]);
  },
);
