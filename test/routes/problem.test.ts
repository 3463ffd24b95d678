import { gzipSync } from 'node:zlib';
import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { Problem, problemHandler, unknownRoute } from '../../routes/problem.js';
import { ToolkitError } from '../../src/errors.js';

function appWith(handler: RequestHandler, logged: string[] = []) {
  const app = express();
  app.use((req, _res, next) => {
    Object.assign(req, { log: { error: (_fields: object, message: string) => logged.push(message) } });
    next();
  });
  app.use(express.json({ limit: 100 }));
  app.all('/here', handler);
  app.get('/named/:name', handler);
  return app.use(unknownRoute, problemHandler);
}

const throwing = (error: unknown): RequestHandler => {
  return () => {
    throw error;
  };
};

const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
  request(appWith((req, res) => void res.json(req.body)))
    .post('/here')
    .set({ 'Content-Type': 'application/json', ...headers })
    .serialize((sent) => sent)
    .send(body);

test('a thrown Problem is the answer, with the members of RFC 9457 and its own', async () => {
  const problem = new Problem(409, 'It is taken.', {
    errors: [{ field: 'email', message: 'is already taken' }],
  });
  const { body, type } = await request(appWith(throwing(problem)))
    .get('/here?token=x')
    .expect(409);
  expect(type).toBe('application/problem+json');
  expect(body).toEqual({
    type: 'about:blank',
    title: 'Conflict',
    status: 409,
    detail: 'It is taken.',
    instance: '/here',
    errors: [{ field: 'email', message: 'is already taken' }],
  });
});

test('an unknown route is a 404', async () => {
  const { body, type } = await request(appWith(() => {}))
    .get('/nowhere')
    .expect(404);
  expect(type).toBe('application/problem+json');
  expect(body).toMatchObject({ status: 404, detail: 'There is no GET /nowhere here.', instance: '/nowhere' });
});

test('a body that is no JSON is a 400 that names the body', async () => {
  const { body } = await post('{"name":').expect(400);
  expect(body.errors).toEqual([{ field: 'body', message: 'is not valid JSON' }]);
});

test('a body that is too large is a 413', async () => {
  const { body } = await post(JSON.stringify({ name: 'x'.repeat(200) })).expect(413);
  expect(body).toMatchObject({ status: 413, errors: [{ field: 'body' }] });
});

test('a path that cannot be decoded is a 400', async () => {
  const { body, type } = await request(appWith(() => {}))
    .get('/named/%E0')
    .expect(400);
  expect(type).toBe('application/problem+json');
  expect(body).toMatchObject({
    status: 400,
    detail: 'The path is not valid percent-encoding.',
    errors: [{ field: 'path', message: 'is not valid percent-encoding' }],
  });
});

test.each([
  [
    'that is no gzip',
    Buffer.from('no gzip'),
    400,
    /could not be decompressed/,
    { 'Content-Encoding': 'gzip' },
  ],
  [
    'of a gzip cut short',
    gzipSync('{"name":"x"}').subarray(0, 20),
    400,
    /could not be decompressed/,
    { 'Content-Encoding': 'gzip' },
  ],
  ['in an unknown encoding', '{}', 415, /gzip, deflate or br/, { 'Content-Encoding': 'rot13' }],
  ['in an unknown charset', '{}', 415, /UTF-8/, { 'Content-Type': 'application/json; charset=x-none' }],
])('a body %s is refused with a detail', async (_what, sent, status, detail, headers) => {
  const { body } = await post(sent, headers).expect(status);
  expect(body).toMatchObject({ status, detail: expect.stringMatching(detail), errors: [{ field: 'body' }] });
});

test('an error of the toolkit is answered with its status and code', async () => {
  const error = new ToolkitError('REDIS_UNAVAILABLE', 'redis://:secret@10.1.2.3 did not answer');
  const { body, text } = await request(appWith(throwing(error)))
    .get('/here')
    .expect(503);
  expect(body).toMatchObject({ status: 503, code: 'REDIS_UNAVAILABLE' });
  expect(text).not.toContain('secret');
});

test.each([
  ['an error', new Error('password of db is hunter2')],
  ['an error that claims a success', Object.assign(new Error('hunter2'), { status: 200 })],
])(
  '%s thrown by a handler is a 500 that says nothing of it, is logged, and is not stored',
  async (_name, error) => {
    const logged: string[] = [];
    const app = appWith((_req, _res, next) => next(error), logged);
    const { body, headers } = await request(app).get('/here').expect(500);
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      instance: '/here',
    });
    expect(headers['cache-control']).toBe('no-store');
    expect(logged).toEqual(['request failed']);
  },
);

test.each(['REDIS_UNAVAILABLE', 'INVALIDATION_REFUSED'] as const)(
  '%s is not logged again: the toolkit has logged the outage',
  async (code) => {
    const logged: string[] = [];
    await request(appWith(throwing(new ToolkitError(code, 'no answer')), logged))
      .get('/here')
      .expect(503);
    expect(logged).toEqual([]);
  },
);

test("a client's mistake is not logged as an error", async () => {
  const logged: string[] = [];
  await request(appWith(throwing(new Problem(404)), logged))
    .get('/here')
    .expect(404);
  expect(logged).toEqual([]);
});

test('an error after the head has gone out cuts the connection instead of ending half an answer well', async () => {
  const app = appWith((_req, res) => {
    res.write('half');
    throw new Error('broken');
  });
  await expect(request(app).get('/here')).rejects.toThrow(/aborted|socket hang up/);
});
