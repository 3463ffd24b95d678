import type { RequestHandler } from 'express';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { session } from '../../../middleware/session/session.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { roundTrip } from '../response/support/hold-client.js';
import { data, SECRET } from '../session/support/session-client.js';
import { gate, quiet, redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const entries = () => file.redis.keys('cache:*');

const personal: Record<string, RequestHandler> = {
  'Set-Cookie': (_req, res) => void res.cookie('a', '1').send('x'),
  private: (_req, res) => void res.set('Cache-Control', 'private, max-age=60').send('x'),
  'no-store': (_req, res) => void res.set('Cache-Control', 'no-store').send('x'),
  'no-cache without a validator': (_req, res) => void res.set('Cache-Control', 'no-cache').end('x'),
  'Set-Cookie in writeHead': (_req, res) => void res.writeHead(200, { 'Set-Cookie': 'a=1' }).end('x'),
  'private in writeHead': (_req, res) =>
    void res.writeHead(200, ['Cache-Control', 'private'] as never).end('x'),
  'a 500': (_req, res) => void res.status(500).send('x'),
  'a 206': (_req, res) => void res.status(206).set('Content-Range', 'bytes 0-0/2').send('x'),
  'a thrown error': () => {
    throw new Error('thrown');
  },
};

test.each(Object.keys(personal))('%s is never stored', async (kind) => {
  const app = await serveCached({ redis: file.redis, handler: personal[kind]! });
  expect(await app.get()).toMatchObject({ stored: false });
  expect(await app.get()).toMatchObject({ hit: false });
  expect(await entries()).toEqual([]);
});

test('a request with Authorization neither stores nor is served, unless the option shared says so', async () => {
  const handler: RequestHandler = (req, res) => void res.send(req.headers.authorization ?? 'nobody');
  const app = await serveCached({ redis: file.redis, handler });
  const bearer = { headers: { authorization: 'Bearer a' } };
  expect(await app.get('/', bearer)).toMatchObject({ stored: false });
  await eventually('a public entry', async () => (await app.get()).hit);
  expect(await app.get('/', bearer)).toMatchObject({ hit: false, body: Buffer.from('Bearer a') });
  const shared = await serveCached({ redis: file.redis, handler, cache: { shared: true, prefix: 's:' } });
  await eventually('a shared entry', async () => (await shared.get('/', bearer)).hit);
  const [key] = await file.redis.keys('s:cache:*');
  expect((await file.redis.getBuffer(key!))!.subarray(0, -8).toString()).not.toContain('Bearer');
});

const reads: Record<string, RequestHandler> = {
  'read before the response': (req, res) => void res.send(data(req).user ?? 'nobody'),
  'read after its first byte': (req, res) => {
    res.write('hello ');
    res.end(data(req).user ?? 'nobody');
  },
};

test.each(Object.keys(reads))('when the session was %s, it is not stored', async (when) => {
  const app = await serveCached({
    redis: file.redis,
    before: (each) => each.use(session({ redis: file.redis, secret: SECRET, logger: quiet })),
    handler: reads[when]!,
  });
  await app.get();
  expect(await app.get()).toMatchObject({ hit: false });
  expect(await entries()).toEqual([]);
});

test('a session that nobody looked at does not keep the response from being shared, its cookie stays its own', async () => {
  const app = await serveCached({
    redis: file.redis,
    before: (each) =>
      each.use(session({ redis: file.redis, secret: SECRET, logger: quiet, saveUninitialized: true })),
    handler: (_req, res) => void res.send('for all'),
  });
  const cookies: unknown[] = [];
  await eventually('a hit', async () => {
    const { hit, headers } = await app.get();
    cookies.push(...headers['set-cookie']!);
    return hit;
  });
  expect(new Set(cookies).size).toBe(cookies.length);
  expect(await file.redis.get((await entries())[0]!)).not.toContain('connect.sid');
});

const short: Record<string, RequestHandler> = {
  'by the handler': (_req, res) => {
    res.write('half');
    setImmediate(() => res.destroy());
  },
  'by an error': (_req, res, next) => {
    res.write('half');
    setImmediate(() => next(new Error('broken')));
  },
  'below its Content-Length': (_req, res) => {
    res.setHeader('Content-Length', 100);
    res.write('half');
    res.end();
  },
};

test.each(Object.keys(short))('a response cut short %s is not stored', async (way) => {
  const over = gate();
  const app = await serveCached({
    redis: file.redis,
    before: (each) =>
      each.use((_req, res, next) => {
        res.once('finish', () => over.open()).once('close', () => over.open());
        next();
      }),
    handler: short[way]!,
  });
  app.get().catch(() => 'cut');
  await over.passed;
  await storesAreDone();
  expect(await entries()).toEqual([]);
});

// A store is sent in the turn after its response, on this connection.
async function storesAreDone(): Promise<void> {
  await roundTrip();
  await file.redis.ping();
}

test('a response that its client did not wait for is stored whole, never half', async () => {
  const [begun, gone] = [gate(), gate()];
  const app = await serveCached({
    redis: file.redis,
    handler: async (_req, res) => {
      res.on('close', () => gone.open());
      res.write('half');
      begun.open();
      await gone.passed;
      res.end('rest');
    },
  });
  const abort = new AbortController();
  const answer = fetch(app.url, { signal: abort.signal }).then((res) => res.text());
  answer.catch(() => {});
  await begun.passed;
  abort.abort();
  await gone.passed;
  await storesAreDone();
  expect(await app.get()).toMatchObject({ hit: true, body: Buffer.from('halfrest') });
});

test('without Redis the handler answers, and Cache-Status says bypass', async () => {
  const proxy = await startProxy(file.server.port);
  const redis = connectRedis({ url: `redis://127.0.0.1:${proxy.port}`, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis, { timeoutMs: 100 });
    await proxy.close();
  });
  const handler: RequestHandler = (_req, res) => void res.send('from the handler');
  const app = await serveCached({ redis, handler, cache: { timeoutMs: 150 } });
  await eventually('a hit', async () => (await app.get()).hit);
  proxy.swallow();
  for (let i = 0; i < 3; i++) {
    const { status, headers, body } = await app.get();
    expect({ status, body: body.toString(), said: headers['cache-status'] }).toEqual({
      status: 200,
      body: 'from the handler',
      said: 'toolkit;fwd=bypass;detail=redis-unavailable',
    });
  }
  proxy.thaw();
  proxy.sever();
  await eventually('a hit again', async () => (await app.get()).hit);
});
