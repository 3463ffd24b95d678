import express, { type RequestHandler } from 'express';
import { parseList } from 'structured-headers';
import request from 'supertest';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { RateLimitOptions } from '../../../middleware/rate-limit/options.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { eventually } from '../../support/eventually.js';
import { patient } from '../../support/patient.js';

const redis = patient(connectRedis(inject('redisUrl')));
afterAll(() => closeRedis(redis));

let prefix = '';
let count = 0;
beforeEach(() => {
  prefix = `rate-limit-${process.pid}-${++count}:`;
});

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

function appWith(
  options: Partial<RateLimitOptions>,
  handler: RequestHandler = (_req, res) => void res.send('ok'),
) {
  const limiter = rateLimit({ redis, prefix, logger: silent, ...options } as RateLimitOptions);
  const app = express();
  app.use(limiter, handler);
  app.use(((error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ code: error.code });
  }) as express.ErrorRequestHandler);
  return { app, limiter };
}

describe('a refusal', () => {
  test('is 429 with Retry-After, as text, JSON or an RFC 9457 problem by Accept', async () => {
    const { app } = appWith({ limit: 1 });
    await request(app).get('/').expect(200);
    const text = await request(app).get('/').expect(429);
    expect(text.text).toBe('Too many requests, please try again later.');
    expect(text.type).toBe('text/plain');
    expect(Number(text.headers['retry-after'])).toBeGreaterThan(0);
    const problem = await request(app).get('/').set('Accept', 'application/problem+json').expect(429);
    expect(problem.type).toBe('application/problem+json');
    expect(problem.body).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Quota Exceeded',
      status: 429,
      detail: 'Too many requests, please try again later.',
      'violated-policies': ['default'],
    });
    expect((await request(app).get('/').set('Accept', 'application/json')).type).toBe('application/json');
  });

  test('names only the policies that were violated', async () => {
    const policies = [
      { name: 'burst', limit: 1, windowMs: 60_000 },
      { name: 'hourly', limit: 100, windowMs: 3_600_000 },
    ];
    const { app } = appWith({ policies });
    await request(app).get('/');
    const { body } = await request(app).get('/').set('Accept', 'application/problem+json').expect(429);
    expect(body['violated-policies']).toEqual(['burst']);
  });

  test('uses message, statusCode and handler as express-rate-limit does', async () => {
    const refusedBy = async (options: Partial<RateLimitOptions>) => {
      prefix += 'x';
      const { app } = appWith({ limit: 1, ...options });
      await request(app).get('/');
      return request(app).get('/');
    };
    expect((await refusedBy({ message: { error: 'slow down' } })).body).toEqual({ error: 'slow down' });
    expect((await refusedBy({ message: (req: express.Request) => `not ${req.method}` })).text).toBe(
      'not GET',
    );
    expect((await refusedBy({ statusCode: 503 })).status).toBe(503);
    const handled = await refusedBy({
      handler: (_req, res, _next, options) => void res.status(options.statusCode!).send('mine'),
    });
    expect([handled.status, handled.text]).toEqual([429, 'mine']);
    // As in express-rate-limit the handler decides about the status too.
    expect((await refusedBy({ handler: (_req, _res, next) => next() })).status).toBe(200);
  });

  test.each([
    ['a text', 'slow down', 'text/plain; charset=utf-8'],
    [
      'a message with a type of its own',
      (_req: express.Request, res: express.Response) => res.type('png') && Buffer.of(1),
      'image/png',
    ],
  ])('%s carries no field of content that another middleware had announced', async (_name, message, type) => {
    const { limiter } = appWith({ limit: 0, message });
    const announce: RequestHandler = (_req, res, next) => {
      res.set({ 'Content-Type': 'text/html', 'Content-Encoding': 'br', ETag: '"a"', 'X-Own': 'kept' });
      next();
    };
    const { headers } = await request(express().use(announce, limiter)).get('/').expect(429);
    expect([headers['content-type'], headers['content-encoding'], headers['x-own']]).toEqual([
      type,
      undefined,
      'kept',
    ]);
    expect(headers.etag).not.toBe('"a"');
  });

  test('costs no Redis command while it is remembered, and none is remembered past its time', async () => {
    const own = connectRedis(inject('redisUrl'));
    const { app } = appWith({ redis: own, limit: 2, windowMs: 2_000 });
    for (let i = 0; i < 3; i++) await request(app).get('/');
    const before = own.stream.bytesWritten;
    for (let i = 0; i < 20; i++) await request(app).get('/').expect(429);
    expect(own.stream.bytesWritten).toBe(before);
    await eventually('admitted again', async () => (await request(app).get('/')).status === 200, {
      withinMs: 2_200,
    });
    await closeRedis(own);
  });

  test('at a high cost is not held against a request of a lower one', async () => {
    const { app } = appWith({ limit: 5, cost: (req) => Number(req.query.cost) });
    await request(app).get('/?cost=3').expect(200);
    await request(app).get('/?cost=5').expect(429);
    await request(app).get('/?cost=4').expect(429);
    await request(app).get('/?cost=2').expect(200);
  });
});

describe('headers', () => {
  const headersOf = async (options: Partial<RateLimitOptions>) => {
    const { app } = appWith({ ...(options.policies ? {} : { limit: 10, windowMs: 60_000 }), ...options });
    return (await request(app).get('/')).headers as Record<string, string>;
  };

  test('draft-11: structured fields, one member per policy', async () => {
    const headers = await headersOf({
      policies: [
        { name: 'burst', limit: 10, windowMs: 1000 },
        { name: 'hourly', limit: 1000, windowMs: 3_600_000 },
      ],
    });
    expect(headers['ratelimit-policy']).toBe('"burst";q=10;w=2, "hourly";q=1000;w=3960');
    const [burst, hourly] = parseList(headers.ratelimit!);
    expect([burst![0], burst![1].get('r')]).toEqual(['burst', 9]);
    expect([hourly![0], hourly![1].get('r')]).toEqual(['hourly', 999]);
    expect(hourly![1].get('t')).toBeGreaterThanOrEqual(3600);
  });

  test('draft-8 adds the partition key', async () => {
    const [policy] = parseList((await headersOf({ standardHeaders: 'draft-8' }))['ratelimit-policy']!);
    expect((policy![1].get('pk') as ArrayBuffer).byteLength).toBe(9);
  });

  test('draft-7 and draft-6 as express-rate-limit sends them', async () => {
    const seven = await headersOf({ standardHeaders: 'draft-7' });
    expect(seven['ratelimit-policy']).toBe('10;w=66');
    expect(seven.ratelimit).toMatch(/^limit=10, remaining=9, reset=6\d$/);
    prefix += 'six';
    const six = await headersOf({ standardHeaders: true });
    expect([six['ratelimit-limit'], six['ratelimit-remaining']]).toEqual(['10', '9']);
    expect(six['ratelimit-reset']).toMatch(/^6\d$/);
  });

  test('legacy headers on request, and none at all', async () => {
    const legacy = await headersOf({ standardHeaders: false, legacyHeaders: true });
    expect([legacy['x-ratelimit-limit'], legacy['x-ratelimit-remaining']]).toEqual(['10', '9']);
    expect(Number(legacy['x-ratelimit-reset'])).toBeGreaterThan(Date.now() / 1000);
    expect(legacy.ratelimit).toBeUndefined();
  });

  test('of two limiters on one request stand side by side', async () => {
    const app = express();
    app.use(
      rateLimit({ redis, prefix, identifier: 'a', limit: 5 }),
      rateLimit({ redis, prefix, identifier: 'b', limit: 7 }),
    );
    app.get('/', (_req, res) => void res.send('ok'));
    const { headers } = await request(app).get('/');
    expect(parseList(headers['ratelimit-policy']!).map(([name]) => name)).toEqual(['a', 'b']);
    expect(parseList(headers.ratelimit!).map(([, parameters]) => parameters.get('r'))).toEqual([4, 6]);
  });
});

describe('options of the request', () => {
  test('limit, windowMs, cost, keyGenerator and skip may be functions, asynchronous ones too', async () => {
    const { app } = appWith({
      limit: async (req) => Number(req.query.limit),
      windowMs: () => 60_000,
      cost: async () => 2,
      keyGenerator: async (req) => String(req.query.user),
      skip: async (req) => req.path === '/free',
    });
    await request(app).get('/?limit=4&user=a').expect(200);
    await request(app).get('/?limit=4&user=a').expect(200);
    await request(app).get('/?limit=4&user=a').expect(429);
    await request(app).get('/?limit=4&user=b').expect(200);
    await request(app).get('/?limit=9&user=a').expect(200);
    const free = await request(app).get('/free?limit=1&user=a').expect(200);
    expect(free.headers.ratelimit).toBeUndefined();
  });

  test('windows of different lengths are counted apart, so that a short one forgets nothing of a long one', async () => {
    const { app } = appWith({
      limit: (req) => (req.path === '/write' ? 2 : 50),
      windowMs: (req) => (req.path === '/write' ? 3_000 : 20),
    });
    await request(app).get('/write').expect(200);
    await request(app).get('/write').expect(200);
    // Past the tenth of the long window, to whose end its charges are reckoned.
    await new Promise((resolve) => setTimeout(resolve, 350));
    await request(app).get('/read').expect(200);
    await request(app).get('/write').expect(429);
  });

  test('what is skipped, later or at once, needs no key and no cost', async () => {
    const fail = () => {
      throw new Error('not to be called');
    };
    for (const skip of [() => true, async () => true]) {
      const { app } = appWith({ skip, keyGenerator: fail, cost: fail });
      await request(app).get('/').expect(200);
    }
  });

  test('req.rateLimit tells where the client stands, under the name asked for', async () => {
    const { app } = appWith({ limit: 3, requestPropertyName: 'quota' }, (req, res) => {
      res.json((req as unknown as { quota: object }).quota);
    });
    const { body } = await request(app).get('/');
    expect(body).toMatchObject({ limit: 3, used: 1, remaining: 2, policies: [{ name: 'default', used: 1 }] });
    expect(new Date(body.resetTime).getTime()).toBeGreaterThan(Date.now());
  });

  test.each([
    [
      'a keyGenerator that returns nothing',
      { keyGenerator: () => undefined as unknown as string },
      'RATE_LIMIT_KEY_MISSING',
    ],
    ['a limit that returns a negative number', { limit: () => -1 }, 'RATE_LIMIT_VALUE_INVALID'],
    ['a cost that returns a fraction', { cost: () => 1.5 }, 'RATE_LIMIT_VALUE_INVALID'],
  ])('%s ends in an error with its code', async (_what, options, code) => {
    const { app } = appWith(options);
    const { body } = await request(app).get('/').expect(500);
    expect(body.code).toBe(code);
  });
});

describe('requests that are not to be counted', () => {
  const usedAfter = async (options: Partial<RateLimitOptions>, path: string) => {
    const { app, limiter } = appWith({ limit: 5, keyGenerator: () => 'me', ...options }, (req, res) => {
      if (req.path === '/hang') return void setTimeout(() => req.socket.destroy(), 5);
      res.status(req.path === '/bad' ? 400 : 200).send('x');
    });
    await request(app)
      .get(path)
      .catch(() => undefined);
    await request(app).get('/other');
    return limiter.peek('me');
  };

  test('skipFailedRequests gives failed and aborted requests back', async () => {
    for (const path of ['/bad', '/hang']) {
      prefix += path;
      const { app, limiter } = appWith(
        { limit: 5, keyGenerator: () => 'me', skipFailedRequests: true },
        (req, res) => {
          if (req.path === '/hang') req.socket.destroy();
          else res.status(400).send('x');
        },
      );
      await request(app)
        .get(path)
        .catch(() => undefined);
      await eventually('given back', async () => (await limiter.peek('me')).used === 0);
    }
  });

  test('what is given back is given back once', async () => {
    const { app, limiter } = appWith(
      { limit: 9, keyGenerator: () => 'me', skipFailedRequests: true },
      (req, res) => void res.status(req.path === '/bad' ? 400 : 200).send('x'),
    );
    for (const path of ['/good', '/good', '/good', '/bad']) await request(app).get(path);
    await eventually('given back', async () => (await limiter.peek('me')).used < 4);
    // A second refund would have left with the first: the connection keeps their order.
    expect((await limiter.peek('me')).used).toBe(3);
  });

  test('skipSuccessfulRequests gives successful ones back, by requestWasSuccessful', async () => {
    const { app, limiter } = appWith({
      limit: 5,
      keyGenerator: () => 'me',
      skipSuccessfulRequests: true,
      requestWasSuccessful: (req) => req.path === '/good',
    });
    await request(app).get('/bad');
    await request(app).get('/good');
    await eventually('given back', async () => (await limiter.peek('me')).used === 1);
  });

  test('without either option every request counts', async () => {
    expect((await usedAfter({}, '/bad')).used).toBe(2);
  });
});

describe('calls', () => {
  test('peek, penalty, reward, block and reset act on a key', async () => {
    const { app, limiter } = appWith({ limit: 5, keyGenerator: () => 'me' });
    await request(app).get('/').expect(200);
    expect(await limiter.peek('me')).toMatchObject({ limit: 5, used: 1, remaining: 4, key: 'me' });
    await limiter.penalty('me', 4);
    await request(app).get('/').expect(429);
    await limiter.reward('me', 2);
    await request(app).get('/').expect(200);
    await limiter.block('me', 60_000);
    const blocked = await request(app).get('/').expect(429);
    expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(55);
    await limiter.reset('me');
    await request(app).get('/').expect(200);
    expect((await limiter.peek('me')).used).toBe(1);
  });

  test('refuse what makes no sense', async () => {
    const { limiter } = appWith({ limit: () => 5 });
    await expect(limiter.peek('me')).rejects.toMatchObject({ code: 'RATE_LIMIT_DEPENDS_ON_REQUEST' });
    await expect(limiter.block('me', -1)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(limiter.reset('')).rejects.toMatchObject({ code: 'RATE_LIMIT_KEY_MISSING' });
  });
});
