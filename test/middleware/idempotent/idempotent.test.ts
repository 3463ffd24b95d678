import express, { type RequestHandler } from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../../middleware/cache/invalidate-on.js';
import { idempotent } from '../../../middleware/idempotent/idempotent.js';
import type { IdempotentOptions } from '../../../middleware/idempotent/options.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { stack } from '../../../middleware/stack/stack.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { eventually } from '../../support/eventually.js';
import { gate, quiet, redisForFile, serve, throughProxy } from '../support/redis-for-file.js';

const file = redisForFile();
let prefixes = 0;

/** An app whose one route is idempotent. */
function appWith(handler: RequestHandler, options: Partial<IdempotentOptions> = {}) {
  const logged: { code?: string; message: string }[] = [];
  const note = (fields: { code?: string }, message: string) => void logged.push({ ...fields, message });
  const app = express();
  const once = idempotent({
    redis: file.redis,
    prefix: `once-${++prefixes}:`,
    scope: () => 'ann',
    logger: { warn: note, error: note },
    ...options,
  });
  const tellError: express.ErrorRequestHandler = (error, _req, res, _next) =>
    void res.status(error.status ?? 500).json({ code: error.code });
  app.post('/o', once, handler, tellError);
  const post = (key = 'k1', content = 'a=1') =>
    request(app).post('/o').set('Idempotency-Key', key).send(content);
  return { app, post, logged };
}

test('a replay has the bytes, status and headers of the first answer, and none of its cookies', async () => {
  const bytes = Buffer.from([0, 255, 13, 10, 128]);
  const { post } = appWith((_req, res) => {
    res.status(202).cookie('secret', '1').set({ 'X-Own': 'yes', RateLimit: '"x";r=1' });
    res.type('application/octet-stream').write(bytes.subarray(0, 2));
    res.end(bytes.subarray(2));
  });
  const first = await post();
  expect(first.headers['set-cookie']).toHaveLength(1);
  expect(first.headers['idempotency-replayed']).toBeUndefined();
  const second = await post();
  expect([second.status, second.body]).toEqual([202, bytes]);
  expect(second.headers).toMatchObject({
    'x-own': 'yes',
    'idempotency-replayed': 'true',
    'content-length': '5',
  });
  expect([second.headers['set-cookie'], second.headers.ratelimit]).toEqual([undefined, undefined]);
});

test.each([
  ['larger than maxBodyBytes', (res: express.Response) => void res.status(201).send('x'.repeat(1_001))],
  [
    'an event stream',
    (res: express.Response) => void res.type('text/event-stream').status(201).end('data: 1\n\n'),
  ],
])('an answer that is %s is reported as done, and not run again', async (_name, answer) => {
  let runs = 0;
  const { post } = appWith(
    (_req, res) => {
      runs += 1;
      res.set('Content-Digest', 'sha-256=:YQ==:');
      answer(res);
    },
    { maxBodyBytes: 1_000 },
  );
  await post();
  const { status, headers, text } = await post();
  expect([status, text, headers['idempotency-replay'], runs]).toEqual([201, '', 'omitted', 1]);
  expect(headers['content-digest']).toBeUndefined();
});

test('the handler gets the same id at each attempt, and a higher fence', async () => {
  const seen: { id: string; fence: number }[] = [];
  const { post } = appWith((req, res) => {
    seen.push(req.idempotency!);
    res.status(500).end();
  });
  await post();
  await post();
  expect(seen[1]!.id).toBe(seen[0]!.id);
  expect(seen[1]!.fence).toBeGreaterThan(seen[0]!.fence);
});

test('a handler that throws or rejects is no result, and its error is handled once', async () => {
  let runs = 0;
  const { post } = appWith((_req, _res, next) => {
    runs += 1;
    next(Object.assign(new Error('boom'), { status: 502 }));
  });
  expect((await post()).status).toBe(502);
  expect((await post()).status).toBe(502);
  expect(runs).toBe(2);
});

test('a lease is renewed while the handler runs, and a request that comes meanwhile gets 409', async () => {
  const [running, finish] = [gate(), gate()];
  const { post } = appWith(
    async (_req, res) => {
      running.open();
      await finish.passed;
      res.send('done');
    },
    { leaseMs: 500 },
  );
  const first = post().then((answer) => answer);
  await running.passed;
  const until = Date.now() + 1_500;
  while (Date.now() < until) {
    const { status, headers, body } = await post();
    expect([status, body.code]).toEqual([409, 'IDEMPOTENCY_KEY_IN_USE']);
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
  }
  finish.open();
  expect((await first).text).toBe('done');
  expect((await post()).text).toBe('done');
});

test.each(['rerun', 'refuse'] as const)(
  'after a lease that nobody renews onLostLease: %s decides',
  async (onLostLease) => {
    const prefix = `lost-${onLostLease}:`;
    let runs = 0;
    const { app, post } = appWith(
      (_req, res) => {
        runs += 1;
        res.send('done');
      },
      { prefix, leaseMs: 60, onLostLease },
    );
    await post('other');
    const [other] = await file.redis.keys(`${prefix}idempotency:*`);
    // As a process leaves it that is killed while its handler runs.
    const { fingerprint } = await file.redis.hgetall(other!);
    await file.redis.hset(other!, {
      state: 'running',
      token: 'gone',
      until: '1',
      fence: '7',
      fingerprint: fingerprint!,
    });
    const { status, body } = await request(app).post('/o').set('Idempotency-Key', 'other').send('a=1');
    expect([status, runs, body.code]).toEqual(
      onLostLease === 'rerun' ? [200, 2, undefined] : [409, 1, 'IDEMPOTENCY_OUTCOME_UNKNOWN'],
    );
  },
);

test('an attempt that lost its lease cannot replace the answer of the next one', async () => {
  const prefix = 'overtaken:';
  const [running, finish] = [gate(), gate()];
  let runs = 0;
  const { post, logged } = appWith(
    async (_req, res) => {
      runs += 1;
      if (runs > 1) return void res.send('second');
      running.open();
      await finish.passed;
      res.send('first');
    },
    { prefix, leaseMs: 60_000 },
  );
  const first = post().then(({ text }) => text);
  await running.passed;
  const [key] = await file.redis.keys(`${prefix}idempotency:*`);
  await file.redis.hset(key!, 'until', '1');
  expect((await post()).text).toBe('second');
  finish.open();
  expect(await first).toBe('first');
  expect(logged).toMatchObject([{ code: 'IDEMPOTENCY_LEASE_LOST' }]);
  expect((await post()).text).toBe('second');
});

test('a client that leaves while the handler runs gets the answer at its retry', async () => {
  const [running, finish] = [gate(), gate()];
  let runs = 0;
  const { app } = appWith(async (_req, res) => {
    runs += 1;
    running.open();
    await finish.passed;
    res.send(`run ${runs}`);
  });
  const url = `${await serve(app)}/o`;
  const leaving = new AbortController();
  const ask = (signal?: AbortSignal) =>
    fetch(url, { method: 'POST', headers: { 'Idempotency-Key': 'k' }, body: 'a', ...(signal && { signal }) });
  const first = ask(leaving.signal).catch(() => 'left');
  await running.passed;
  leaving.abort();
  expect(await first).toBe('left');
  finish.open();
  await eventually('the answer', async () => (await ask()).status === 200);
  expect(await (await ask()).text()).toBe('run 1');
});

test('without Redis a request is refused before its handler runs, or proceeds if told to', async () => {
  const away = connectRedis('redis://127.0.0.1:1');
  away.on('error', () => undefined);
  onTestFinished(() => closeRedis(away));
  let runs = 0;
  const handler: RequestHandler = (req, res) => {
    runs += 1;
    res.json({ id: req.idempotency?.id ?? null });
  };
  const refusing = appWith(handler, { redis: away });
  const refused = await refusing.post();
  expect([refused.status, refused.body.code, runs]).toEqual([503, 'IDEMPOTENCY_REFUSED', 0]);
  const proceeding = await appWith(handler, { redis: away, onUnavailable: 'proceed' }).post();
  expect([proceeding.status, proceeding.body, runs]).toEqual([200, { id: null }, 1]);
});

test('an answer that Redis does not take reaches its client, and is logged', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const { post, logged } = appWith(
    (_req, res) => {
      proxy.swallow();
      res.status(201).send('made');
    },
    { redis, timeoutMs: 150 },
  );
  const { status, text } = await post();
  expect([status, text]).toEqual([201, 'made']);
  expect(logged.map(({ message }) => message)).toContainEqual(expect.stringContaining('was not kept'));
});

test('the default scope is the user of the session; nobody gets 400, and that is logged once', async () => {
  let runs = 0;
  const lines: (string | undefined)[] = [];
  const logger = { warn() {}, error: ({ code }: { code?: string }) => void lines.push(code) };
  const prefix = 'user-scope:';
  const sessions = session({
    redis: file.redis,
    prefix,
    secret: 'x'.repeat(32),
    cookie: { secure: false },
    user: (s) => (s as { user?: string }).user,
  });
  const app = express();
  app.post('/login/:user', sessions, (req, res) => {
    Object.assign(req.session, { user: req.params.user });
    res.end();
  });
  app.post(
    '/o',
    stack(
      rateLimit({ redis: file.redis, prefix, limit: 99 }),
      sessions,
      idempotent({ redis: file.redis, prefix, logger }),
    ),
    (_req, res) => void res.json({ runs: ++runs }),
  );
  const [ann, bob] = [request.agent(app), request.agent(app)];
  await ann.post('/login/ann');
  await bob.post('/login/bob');
  const ask = (who: ReturnType<typeof request.agent>) => who.post('/o').set('Idempotency-Key', 'k');
  expect((await ask(ann)).body).toEqual({ runs: 1 });
  expect((await ask(bob)).body).toEqual({ runs: 2 });
  expect((await ask(ann)).body).toEqual({ runs: 1 });
  for (let i = 0; i < 2; i++) {
    const { status, body } = await request(app).post('/o').set('Idempotency-Key', 'k');
    expect([status, body.code]).toEqual([400, 'IDEMPOTENCY_SCOPE_MISSING']);
  }
  expect(lines).toEqual(['IDEMPOTENCY_SCOPE_UNKNOWN']);
});

// Each has `idempotent` and what purges, in the order of its name.
const purging = ({ redis, prefix }: { redis: Redis; prefix: string }) => {
  const once = idempotent({ redis, prefix, scope: () => 'ann' });
  const purge = invalidateOn({ redis, prefix, logger: quiet });
  const cache = cacheResponse({ redis, prefix, ttlSeconds: 60 });
  return {
    'before cacheResponse': [once, cache],
    'behind cacheResponse': [cache, once],
    'before invalidateOn': [cache, once, purge],
    'behind invalidateOn': [cache, purge, once],
    'in a stack behind invalidateOn': [stack(cache, purge, once)],
  };
};

test.each([
  'before cacheResponse',
  'behind cacheResponse',
  'before invalidateOn',
  'behind invalidateOn',
  'in a stack behind invalidateOn',
] as const)('a replay, and a request that is refused, purge nothing %s', async (order) => {
  const prefix = `purges-${++prefixes}:`;
  const app = express();
  let reads = 0;
  app.use('/o', ...purging({ redis: file.redis, prefix })[order]);
  app.get('/o', (_req, res) => void res.send(String(++reads)));
  app.post('/o', (_req, res) => void res.status(201).send('made'));
  const url = await serve(app);
  const post = (key = 'k', content = '') => request(url).post('/o').set('Idempotency-Key', key).send(content);
  const isHit = async () => (await request(url).get('/o')).headers['cache-status']!.includes('hit');
  await isHit();
  await eventually('a hit', isHit);
  await post().expect(201);
  expect(await isHit()).toBe(false);
  await eventually('a hit', isHit);
  const { text: stored } = await request(url).get('/o');
  // Nobody waits for the mark to be withdrawn. Meanwhile nothing is served from the cache, nor stored in it.
  const isStillThere = () =>
    eventually(
      'a hit of the same entry',
      async () => (await isHit()) && (await request(url).get('/o')).text === stored,
    );
  await post().expect('Idempotency-Replayed', 'true');
  await isStillThere();
  await post('k', 'other').expect(422);
  await isStillThere();
  await post('"broken').expect(400);
  await isStillThere();
});

test('a content that is larger than maxContentBytes is refused with 413, and its handler does not run', async () => {
  let runs = 0;
  const { post } = appWith(
    (_req, res) => {
      runs += 1;
      res.end();
    },
    { maxContentBytes: 10 },
  );
  const { status, body } = await post('k', 'x'.repeat(11));
  expect([status, body.code, runs]).toEqual([413, 'IDEMPOTENCY_CONTENT_TOO_LARGE', 0]);
});

test.each([
  ['a chunked content', ['{"a"', ':1}']],
  ['an empty chunked content', []],
])('%s reaches the parser behind it whole', async (_name, chunks) => {
  const app = express();
  app.post(
    '/o',
    idempotent({ redis: file.redis, prefix: `chunks-${chunks.length}:`, scope: () => 'ann' }),
    express.json(),
    (req, res) => void res.json({ got: req.body ?? null }),
  );
  const url = `${await serve(app)}/o`;
  const body = new ReadableStream({
    async start(controller) {
      for (const chunk of chunks) {
        controller.enqueue(new TextEncoder().encode(chunk));
        await new Promise((resolve) => setImmediate(resolve));
      }
      controller.close();
    },
  });
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Idempotency-Key': 'k', 'Content-Type': 'application/json' },
    body,
    duplex: 'half',
  } as RequestInit);
  expect(answer.status).toBe(200);
  const { got } = (await answer.json()) as { got: object };
  expect(got ?? {}).toEqual(chunks.length > 0 ? { a: 1 } : {});
});

test.each([
  ['scope', 'ann'],
  ['methods', ['GET']],
  ['methods', []],
  ['leaseMs', 0],
  ['onLostLease', 'retry'],
  ['ttlSeconds', -1],
])('the option %s: %j is refused at construction, by name', (option, value) => {
  const make = () => idempotent({ redis: file.redis, [option]: value } as unknown as IdempotentOptions);
  expect(make).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  expect(make).toThrow(`"${option}"`);
});

test('a scope that is an object fails its request, and the error names the option', async () => {
  const { post } = appWith((_req, res) => void res.end(), { scope: () => ({}) as never });
  const { status, body } = await post();
  expect([status, body.code]).toEqual([500, 'IDEMPOTENCY_SCOPE_INVALID']);
});

test.each([
  ['undefined', undefined],
  ['a promise of nothing', Promise.resolve()],
  ['a Map', new Map([['a', 1]])],
  ['a BigInt', 7n],
  ['NaN', Number.NaN],
])('a fingerprint that returns %s is refused: every content would be the same', async (_, value) => {
  let runs = 0;
  const { post } = appWith((_req, res) => void res.send(`${++runs}`), { fingerprint: () => value });
  const { status, body } = await post();
  expect([status, body.code, runs]).toEqual([500, 'IDEMPOTENCY_FINGERPRINT_INVALID', 0]);
});
