import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGzip, gunzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';
import { beforeEach, expect, test } from 'vitest';
import { stack } from '../../../middleware/stack/stack.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const binary = randomBytes(100_000);

const bodies: Record<string, { handler: RequestHandler; bytes: Buffer }> = {
  'binary in one piece': { handler: (_req, res) => void res.end(binary), bytes: binary },
  'binary in odd pieces': {
    handler: (_req, res) => {
      for (let at = 0; at < binary.length; at += 7919) res.write(binary.subarray(at, at + 7919));
      res.end();
    },
    bytes: binary,
  },
  'a buffer that is used again': {
    handler: (_req, res) => {
      const buffer = Buffer.from('first');
      res.write(buffer, () => {
        buffer.write('other');
        res.end(buffer);
      });
    },
    bytes: Buffer.from('firstother'),
  },
  'strings with encodings': {
    handler: (_req, res) => {
      res.write('é', 'latin1');
      res.write('ff00', 'hex');
      res.write('€');
      res.end('AAEC', 'base64');
    },
    bytes: Buffer.from([0xe9, 0xff, 0x00, 0xe2, 0x82, 0xac, 0, 1, 2]),
  },
  'a Uint8Array': {
    handler: (_req, res) => void res.end(new Uint8Array([1, 2, 3])),
    bytes: Buffer.from([1, 2, 3]),
  },
  nothing: { handler: (_req, res) => void res.end(), bytes: Buffer.alloc(0) },
  'only a callback': { handler: (_req, res) => void res.end(() => {}), bytes: Buffer.alloc(0) },
  'a pipe': {
    handler: (_req, res) => void Readable.from([binary, binary]).pipe(res),
    bytes: Buffer.concat([binary, binary]),
  },
  JSON: { handler: (_req, res) => void res.json({ ü: '✓' }), bytes: Buffer.from('{"ü":"✓"}') },
};

test.each(Object.keys(bodies))('%s: the same bytes from the miss and from the hit', async (kind) => {
  const { handler, bytes } = bodies[kind]!;
  const app = await serveCached({ redis: file.redis, handler });
  const miss = await app.get();
  expect(miss).toMatchObject({ hit: false, stored: true });
  expect(miss.body.equals(bytes)).toBe(true);
  await eventually('a hit', async () => (await app.get()).hit);
  const hit = await app.get();
  expect(hit.body.equals(bytes)).toBe(true);
  expect(hit.headers['content-length']).toBe(String(bytes.length));
  expect(hit.headers['content-type']).toBe(miss.headers['content-type']);
});

test('a 204 has no body and no length', async () => {
  const app = await serveCached({ redis: file.redis, handler: (_req, res) => void res.status(204).end() });
  await eventually('a hit', async () => (await app.get()).hit);
  const { status, headers } = await app.get();
  expect(status).toBe(204);
  expect(headers).not.toHaveProperty('content-length');
});

test('a body over maxBodyBytes passes through whole and is not stored, one of just that size is', async () => {
  for (const [bytes, expected] of [
    [1001, 0],
    [1000, 1],
  ] as const) {
    const body = randomBytes(bytes);
    const app = await serveCached({
      redis: file.redis,
      cache: { maxBodyBytes: 1000 },
      handler: (_req, res) => {
        res.write(body.subarray(0, 600));
        res.end(body.subarray(600));
      },
    });
    expect((await app.get()).body.equals(body)).toBe(true);
    await app.get();
    await file.redis.ping();
    expect(await file.redis.keys('cache:*')).toHaveLength(expected);
  }
});

// What the package `compression` does: head and body change between the handler and the socket.
const gzip: RequestHandler = (_req, res, next) => {
  const { write, end } = res;
  const stream = createGzip();
  stream
    .on('data', (chunk) => write.call(res, chunk, 'utf8'))
    .on('end', () => end.call(res, undefined, 'utf8'));
  const begin = () => {
    if (res.headersSent || res.hasHeader('Content-Encoding')) return;
    res.vary('Accept-Encoding').removeHeader('Content-Length');
    res.setHeader('Content-Encoding', 'gzip');
  };
  res.write = ((chunk: Buffer) => {
    begin();
    return stream.write(chunk);
  }) as typeof res.write;
  res.end = ((chunk?: Buffer) => {
    begin();
    if (chunk) stream.write(chunk);
    stream.end();
    return res;
  }) as typeof res.end;
  next();
};

test.each(['before', 'after'])(
  'a compressing wrapper mounted %s it gives the same text from miss and hit',
  async (where) => {
    const text = 'words '.repeat(1000);
    const app = await serveCached({
      redis: file.redis,
      before: (each) => void (where === 'before' && each.use(gzip)),
      after: where === 'after' ? [gzip] : [],
      handler: (_req, res) => void res.send(text),
    });
    const encoded = { headers: { 'accept-encoding': 'gzip' } };
    const miss = await app.get('/', encoded);
    await eventually('a hit', async () => (await app.get('/', encoded)).hit);
    const hit = await app.get('/', encoded);
    for (const { headers, body } of [miss, hit]) {
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(body).toString()).toBe(text);
    }
    if (where === 'after')
      expect((await app.get('/', { headers: { 'accept-encoding': 'br' } })).hit).toBe(false);
  },
);

test('an answer after an error was handed on is not mixed with it', async () => {
  const app = await serveCached({
    redis: file.redis,
    before: (each) => each.use(stack((_req, _res, next) => next())),
    handler: (_req, res, next) => {
      next(new Error('handed on'));
      if (!res.headersSent) res.json({ second: true });
    },
  });
  expect(await app.get()).toMatchObject({
    status: 500,
    stored: false,
    body: Buffer.from('{"error":"handed on"}'),
  });
});
