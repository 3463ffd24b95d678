import express from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, test } from 'vitest';
import { problemDetails } from '../../../middleware/problem/problem-details.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { ERROR_CATALOGUE } from '../../../src/error-catalogue.js';
import { type ErrorCode, ToolkitError } from '../../../src/errors.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { clientForFile } from '../../support/client-for-file.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});

function appThat(answer: express.RequestHandler): express.Express {
  const app = express();
  app.use(answer, problemDetails());
  const others: express.ErrorRequestHandler = (_error, _req, res, _next) => void res.status(418).end();
  app.use(others);
  return app;
}

test('answers a ToolkitError as problem+json with its status and code, and keeps the message back', async () => {
  const error = new ToolkitError('LOCK_TIMEOUT', 'the holder is 10.0.0.7');
  expect([error.status, error.statusCode]).toEqual([503, 503]);
  const { status, headers, body } = await request(appThat((_req, _res, next) => next(error))).get('/');
  expect(status).toBe(503);
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(headers['cache-control']).toBe('no-store');
  expect(body).toEqual({
    type: 'about:blank',
    title: 'Service Unavailable',
    status: 503,
    code: 'LOCK_TIMEOUT',
  });
});

test.each(Object.entries(ERROR_CATALOGUE))(
  'answers %s with the status of the catalogue, and shows neither the message nor the cause',
  async (code, { status }) => {
    const error = new ToolkitError(code as ErrorCode, 'of 10.0.0.7', { cause: new Error('of 10.0.0.8') });
    const answer = await request(appThat((_req, _res, next) => next(error))).get('/');
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toMatchObject({ type: expect.any(String), title: expect.any(String), status, code });
    expect(answer.text).not.toContain('10.0.0');
  },
);

test('has no field of the content that the handler was about to send', async () => {
  const error = new ToolkitError('LOCK_TIMEOUT', 'too slow');
  const app = appThat((_req, res, next) => {
    res.set({
      'Content-Encoding': 'gzip',
      'Content-Range': 'bytes 0-1/2',
      'Content-Digest': 'sha-256=:YQ==:',
    });
    res.set({ ETag: '"1"', Trailer: 'X-Sum', 'Content-Disposition': 'attachment', 'X-Own': 'yes' });
    next(error);
  });
  const { status, headers, body } = await request(app).get('/');
  expect([status, body.code, headers['x-own']]).toEqual([503, 'LOCK_TIMEOUT', 'yes']);
  const described = ['encoding', 'range', 'digest', 'disposition'].map((name) => headers[`content-${name}`]);
  expect([...described, headers.trailer]).toEqual(Array(5).fill(undefined));
  expect(headers.etag).not.toBe('"1"');
});

test('passes every other error on', async () => {
  await request(appThat((_req, _res, next) => next(new Error('mine'))))
    .get('/')
    .expect(418);
});

test('cuts off a response that has begun', async () => {
  const app = appThat((_req, res, next) => {
    res.write('half');
    next(new ToolkitError('LOCK_LOST', 'lost'));
  });
  await expect(request(app).get('/')).rejects.toThrow(/aborted|hang up/);
});

test('a limiter that is closed without Redis answers temporary-reduced-capacity', async () => {
  const away = connectRedis('redis://127.0.0.1:1');
  away.on('error', () => undefined);
  const app = appThat(rateLimit({ redis: away, onUnavailable: 'closed', keyGenerator: () => 'me' }));
  const { status, body, headers } = await request(app).get('/');
  expect(status).toBe(503);
  expect(headers['retry-after']).toBeUndefined();
  expect(body).toEqual({
    type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
    title: 'Temporary Reduced Capacity',
    status: 503,
    code: 'REDIS_UNAVAILABLE',
    'violated-policies': ['default'],
  });
  await closeRedis(away);
});

test('a blocked client is told abnormal-usage-detected, and one over its limit quota-exceeded', async () => {
  const limiter = rateLimit({
    redis,
    prefix: `problem-${process.pid}:`,
    limit: 1,
    keyGenerator: (req) => String(req.query.who),
  });
  const app = appThat(limiter);
  const typeFor = async (who: string) => {
    const answer = await request(app).get(`/?who=${who}`).set('Accept', 'application/problem+json');
    return [answer.status, (JSON.parse(answer.text) as { type: string }).type.split('#')[1]];
  };
  await limiter.block('eve', 60_000);
  await request(app).get('/?who=bob');
  expect(await typeFor('eve')).toEqual([429, 'abnormal-usage-detected']);
  expect(await typeFor('bob')).toEqual([429, 'quota-exceeded']);
});
