import type { Request } from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { describe, expect, test } from 'vitest';
import type { RateLimitOptions } from '../../../middleware/rate-limit/options.js';
import { clientForFile } from '../../support/client-for-file.js';
import { eventually } from '../../support/eventually.js';
import { limitedApp } from './support/limited-app.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});

/** A promise of another library, which is no instance of Promise. */
const thenable = <T>(value: T): PromiseLike<T> => {
  const settled = Promise.resolve(value);
  // biome-ignore lint/suspicious/noThenProperty: see above
  return { then: (resolve, reject) => settled.then(resolve, reject) };
};
const failing = <T>(): PromiseLike<T> => {
  const settled = Promise.reject<T>(new Error('broken'));
  // biome-ignore lint/suspicious/noThenProperty: see above
  return { then: (resolve, reject) => settled.then(resolve, reject) };
};
const shapes: Record<string, <T>(value: T) => T | PromiseLike<T>> = {
  'a value': (value) => value,
  'a promise': (value) => Promise.resolve(value),
  'a thenable': thenable,
};
const failures: Record<string, () => never> = {
  throws: () => {
    throw new Error('broken');
  },
  'returns a promise that rejects': (() => Promise.reject(new Error('broken'))) as () => never,
  'returns a thenable that rejects': failing as () => never,
};

describe.each(Object.entries(shapes))('every callback may return %s', (_name, as) => {
  test('skip', async () => {
    const { app } = limitedApp({
      redis,
      limit: 1,
      keyGenerator: () => 'me',
      skip: (req) => as(req.path === '/free'),
    });
    expect((await request(app).get('/')).status).toBe(200);
    expect((await request(app).get('/')).status).toBe(429);
    expect((await request(app).get('/free')).status).toBe(200);
  });

  test('keyGenerator, limit, windowMs and cost', async () => {
    const { app } = limitedApp({
      redis,
      keyGenerator: (req) => as(String(req.query.user)),
      limit: () => as(4),
      windowMs: () => as(60_000),
      cost: () => as(2),
    });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await request(app).get('/?user=a')).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await request(app).get('/?user=b')).status).toBe(200);
  });

  test('message', async () => {
    const { app } = limitedApp({ redis, limit: 0, message: (req: Request) => as({ path: req.path }) });
    const refused = await request(app).get('/here').expect(429);
    expect(refused.body).toEqual({ path: '/here' });
  });

  test('handler', async () => {
    const { app } = limitedApp({
      redis,
      limit: 0,
      handler: (_req, res, _next, options) => {
        res.status(options.statusCode).send(options.message);
        return as('ignored');
      },
    });
    expect((await request(app).get('/').expect(429)).text).toMatch(/^Too many requests/);
  });

  test('requestWasSuccessful', async () => {
    const { app, limiter } = limitedApp({
      redis,
      limit: 5,
      keyGenerator: () => 'me',
      skipFailedRequests: true,
      requestWasSuccessful: (req) => as(req.path === '/good'),
    });
    await request(app).get('/good');
    await request(app).get('/bad');
    await eventually('the failed request is given back', async () => (await limiter.peek('me')).used === 1);
  });
});

const required = ['skip', 'keyGenerator', 'limit', 'windowMs', 'cost', 'message', 'handler'] as const;
describe.each(required)('a %s', (option) => {
  test.each(Object.entries(failures))('that %s ends the request with its error', async (_name, fail) => {
    const refusing = option === 'message' || option === 'handler' ? { limit: 0 } : {};
    const { app } = limitedApp({ redis, ...refusing, [option]: fail });
    expect((await request(app).get('/').expect(500)).body.message).toBe('broken');
  });
});

test.each(Object.entries(failures))(
  'a requestWasSuccessful that %s leaves the request charged, and is logged once',
  async (_name, fail) => {
    const { app, limiter, logged } = limitedApp({
      redis,
      limit: 5,
      keyGenerator: () => 'me',
      skipFailedRequests: true,
      skipSuccessfulRequests: true,
      requestWasSuccessful: fail,
    });
    for (let i = 0; i < 3; i++) await request(app).get('/').expect(200);
    expect((await limiter.peek('me')).used).toBe(3);
    expect(logged).toMatchObject([{ message: expect.stringContaining('requestWasSuccessful') }]);
  },
);

const nonsense: [keyof RateLimitOptions, unknown, string, string][] = [
  ['keyGenerator', undefined, 'RATE_LIMIT_KEY_MISSING', 'keyGenerator returned undefined'],
  ['keyGenerator', null, 'RATE_LIMIT_KEY_MISSING', 'keyGenerator returned null'],
  ['keyGenerator', '', 'RATE_LIMIT_KEY_MISSING', 'keyGenerator returned an empty string'],
  ['keyGenerator', Number.NaN, 'RATE_LIMIT_KEY_MISSING', 'keyGenerator returned NaN'],
  ['keyGenerator', { id: 7 }, 'RATE_LIMIT_KEY_MISSING', 'keyGenerator returned an object'],
  ['keyGenerator', true, 'RATE_LIMIT_KEY_MISSING', 'keyGenerator returned a boolean'],
  ['limit', undefined, 'RATE_LIMIT_VALUE_INVALID', '"limit" returned undefined'],
  ['limit', '5', 'RATE_LIMIT_VALUE_INVALID', '"limit" returned a string'],
  ['limit', -1, 'RATE_LIMIT_VALUE_INVALID', '"limit" returned -1'],
  ['windowMs', 0, 'RATE_LIMIT_VALUE_INVALID', '"windowMs" returned 0'],
  ['windowMs', Number.POSITIVE_INFINITY, 'RATE_LIMIT_VALUE_INVALID', '"windowMs" returned Infinity'],
  ['cost', undefined, 'RATE_LIMIT_VALUE_INVALID', '"cost" returned undefined'],
  ['cost', 1.5, 'RATE_LIMIT_VALUE_INVALID', '"cost" returned 1.5'],
  ['skip', () => true, 'RATE_LIMIT_VALUE_INVALID', '"skip" returned a function'],
  ['message', () => 'slow down', 'RATE_LIMIT_VALUE_INVALID', '"message" returned a function'],
  ['message', 10n, 'RATE_LIMIT_VALUE_INVALID', '"message" returned a bigint'],
];

test.each(nonsense)(
  '%s: a function that returns %o ends the request with %s',
  async (option, value, code, part) => {
    const refusing = option === 'message' ? { limit: 0 } : {};
    for (const as of [(v: unknown) => v, async (v: unknown) => v, thenable]) {
      const { app } = limitedApp({ redis, ...refusing, [option]: () => as(value) });
      const { body } = await request(app).get('/').expect(500);
      expect(body).toEqual({ code, message: expect.stringContaining(part) });
    }
  },
);

test('a skip that returns nothing skips nothing', async () => {
  const { app } = limitedApp({ redis, limit: 0, skip: (() => undefined) as unknown as () => boolean });
  expect((await request(app).get('/')).status).toBe(429);
});

test('a message that returns nothing refuses with an empty body', async () => {
  const { app } = limitedApp({ redis, limit: 0, message: () => undefined });
  expect((await request(app).get('/').expect(429)).text).toBe('');
});

test('a key may be a number or a bigint, which is the same client as its text', async () => {
  const ids = [7, 7n, '7'];
  const { app, limiter } = limitedApp({ redis, limit: 9, keyGenerator: () => ids.shift()! });
  for (let i = 0; i < 3; i++) await request(app).get('/').expect(200);
  for (const key of [7, 7n, '7']) expect(await limiter.peek(key)).toMatchObject({ used: 3, key: '7' });
  await limiter.reset(7);
  expect((await limiter.peek('7')).used).toBe(0);
});

test('methods refuse a key that is none, and name the argument', async () => {
  const { limiter } = limitedApp({ redis });
  const calls = [
    () => limiter.peek(undefined as unknown as string),
    () => limiter.reset(''),
    () => limiter.block(null as unknown as string, 5),
    () => limiter.penalty({} as unknown as string),
    () => limiter.reward(Number.NaN),
  ];
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({
      code: 'RATE_LIMIT_KEY_MISSING',
      message: expect.stringContaining('argument "key"'),
    });
  }
});
