import * as zlib from 'node:zlib';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';
import { beforeEach, describe, expect, test } from 'vitest';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile } from '../support/redis-for-file.js';
import { type AskOptions, serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const TEXT = 'the same again and again, '.repeat(1_000);
const PLAIN = Buffer.from(TEXT);
const GZIP = { headers: { 'accept-encoding': 'br;q=0.5, gzip' } };

const respond: RequestHandler = (_req, res) => void res.type('text/plain').set('ETag', '"text"').send(TEXT);

async function serveText(given: Partial<Parameters<typeof serveCached>[0]> = {}) {
  const cache = { compressAboveBytes: 10_000, ...given.cache };
  const app = await serveCached({ redis: file.redis, handler: respond, ...given, cache });
  const miss = await app.get();
  await eventually('a hit', async () => (await app.get()).hit);
  return { ...app, miss };
}

const recordBytes = async () => {
  const keys = await file.redis.keys('cache:*');
  return Math.max(...(await Promise.all(keys.map((key) => file.redis.strlen(key)))));
};

test('a large text lies in Redis compressed', async () => {
  await serveText();
  expect(await recordBytes()).toBeLessThan(PLAIN.length / 5);
});

test.each([
  ['without a near cache', undefined],
  ['with one, validated', { maxBytes: 1_000_000, mode: 'validated' } as const],
  ['with one, tracked', { maxBytes: 1_000_000, mode: 'tracked' } as const],
])(
  '%s, it goes out as it lies there to clients that take gzip, and plain to others',
  async (_how, nearCache) => {
    const app = await serveText({ cache: nearCache && { nearCache } });
    for (let round = 0; round < 2; round++) {
      const coded = await app.get('/', GZIP);
      expect(coded).toMatchObject({ status: 200, hit: true });
      expect(coded.headers).toMatchObject({
        'content-encoding': 'gzip',
        'content-length': String(coded.body.length),
        etag: 'W/"text"',
        vary: 'Accept-Encoding',
      });
      expect(gunzipSync(coded.body).equals(PLAIN)).toBe(true);

      const plain = await app.get();
      expect(plain).toMatchObject({ status: 200, hit: true });
      expect(plain.headers).toMatchObject({ 'content-length': String(PLAIN.length), etag: '"text"' });
      expect(plain.headers).toMatchObject({ vary: 'Accept-Encoding' });
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(plain.body.equals(PLAIN)).toBe(true);
    }
  },
);

const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (coded: Buffer) => Buffer };
const CODINGS = [
  ['br', zlib.brotliDecompressSync],
  ...(zstdDecompressSync ? [['zstd', zstdDecompressSync] as const] : []),
] as const;

describe.each(CODINGS)('with compressWith: %s', (compressWith, decode) => {
  test.each([
    [`gzip, ${compressWith}`, compressWith],
    [`${compressWith};q=0.1`, compressWith],
    ['*', compressWith],
    [`gzip, ${compressWith};q=0`, undefined],
    ['gzip', undefined],
    [`${compressWith};q=0.5, identity`, undefined],
  ])('a request with Accept-Encoding: %s gets %s', async (accepted, coding) => {
    const app = await serveText({ cache: { compressAboveBytes: 10_000, compressWith } });
    const answer = await app.get('/', { headers: { 'accept-encoding': accepted } });
    expect(answer).toMatchObject({ status: 200, hit: true });
    expect(answer.headers['content-encoding']).toBe(coding);
    expect(answer.headers.vary).toBe('Accept-Encoding');
    expect((coding ? decode(answer.body) : answer.body).equals(PLAIN)).toBe(true);
    expect(await recordBytes()).toBeLessThan(PLAIN.length / 5);
  });
});

test('a record in a coding that this Node does not have is a miss', async () => {
  const app = await serveText();
  const key = (await file.redis.keys('cache:*')).find((name) => !name.includes('lease'))!;
  const bytes = (await file.redis.getBuffer(key))!;
  bytes.write('other stamp!');
  bytes.write('zzzz', bytes.indexOf('"gzip"') + 1);
  await file.redis.set(key, bytes, 'EX', 60);
  const answer = await app.get('/', { headers: { 'accept-encoding': 'zzzz' } });
  expect([answer.status, answer.hit, answer.body.equals(PLAIN)]).toEqual([200, false, true]);
});

test('caches behind it learn with the first answer that the coding varies', async () => {
  const { miss } = await serveText();
  expect(miss).toMatchObject({ stored: true, headers: { vary: 'Accept-Encoding' } });
  expect(miss.body.equals(PLAIN)).toBe(true);
});

test.each<[string, Record<string, string>]>([
  ['identity is liked better', { 'accept-encoding': 'gzip;q=0.5, identity' }],
  ['gzip is refused', { 'accept-encoding': 'gzip;q=0, *' }],
  ['only another coding is taken', { 'accept-encoding': 'br' }],
])('plain it is when %s', async (_when, headers) => {
  const app = await serveText();
  expect((await app.get('/', { headers })).body.equals(PLAIN)).toBe(true);
});

test('HEAD says what GET would, in either coding', async () => {
  const app = await serveText();
  for (const { headers } of [GZIP, { headers: {} }]) {
    const [get, head] = [await app.get('/', { headers }), await app.get('/', { method: 'HEAD', headers })];
    const told = ['content-length', 'content-encoding', 'etag', 'vary', 'content-type'];
    for (const name of told) expect(head.headers[name], name).toBe(get.headers[name]);
    expect(head.body.length).toBe(0);
  }
});

test('a copy in either coding is current', async () => {
  const app = await serveText();
  for (const tag of ['"text"', 'W/"text"']) {
    for (const { headers } of [GZIP, { headers: {} }]) {
      const asked: AskOptions = { headers: { ...headers, 'if-none-match': tag } };
      const answer = await app.get('/', asked);
      expect([answer.status, answer.body.length, answer.headers.vary]).toEqual([304, 0, 'Accept-Encoding']);
    }
  }
});

test('a part is one of the plain bytes, whatever the client takes', async () => {
  const app = await serveText();
  const part = await app.get('/', { headers: { ...GZIP.headers, range: 'bytes=10-19' } });
  expect([part.status, part.body.toString()]).toEqual([206, TEXT.slice(10, 20)]);
  expect(part.headers['content-encoding']).toBeUndefined();
});

test('a validation by the handler keeps the text, in both codings', async () => {
  const app = await serveText({
    cache: { ttlSeconds: 1, compressAboveBytes: 10_000 },
    handler: (req, res) => {
      if (req.headers['if-none-match'] !== '"text"') return respond(req, res, () => {});
      return void res.set('ETag', '"text"').status(304).end();
    },
  });
  await eventually('it was validated', async () =>
    String((await app.get()).headers['cache-status']).includes('fwd-status=304'),
  );
  expect((await app.get()).body.equals(PLAIN)).toBe(true);
  // An answer of the handler itself, when the second is over meanwhile, is plain.
  await eventually('a coded answer', async () => {
    const { headers, body } = await app.get('/', GZIP);
    const isCoded = headers['content-encoding'] === 'gzip';
    expect((isCoded ? gunzipSync(body) : body).equals(PLAIN)).toBe(true);
    return isCoded;
  });
});

test('what cannot be unpacked is a miss', async () => {
  const app = await serveText();
  const key = (await file.redis.keys('cache:*')).find((name) => !name.includes('lease'))!;
  const bytes = (await file.redis.getBuffer(key))!;
  bytes.fill(0xff, bytes.length - 40);
  await file.redis.set(key, bytes, 'EX', 60);
  const answer = await app.get();
  expect([answer.status, answer.hit, answer.body.equals(PLAIN)]).toEqual([200, false, true]);
});

describe('it stays as the handler sent it', () => {
  const noise = Buffer.from(
    Array.from({ length: 20_000 }, (_, at) => (at * 7919 + (at >> 3) * 104_729) & 255),
  );
  const ways: Record<string, RequestHandler> = {
    'when it is small': (_req, res) => void res.type('text/plain').send('small'),
    'when its kind does not shrink': (_req, res) => void res.type('image/png').send(noise),
    'with no-transform': (_req, res) =>
      void res.type('text/plain').set('Cache-Control', 'max-age=60, no-transform').send(TEXT),
    'with a coding of its own': (_req, res) =>
      void res
        .type('text/plain')
        .set('Content-Encoding', 'gzip')
        .send(gzipSync(TEXT, { level: 0 })),
    'with a digest of its bytes': (_req, res) =>
      void res.type('text/plain').set('Repr-Digest', 'sha-256=:x:').send(TEXT),
    'with another status': (_req, res) =>
      void res.status(404).type('text/plain').set('Cache-Control', 'max-age=60').send(TEXT),
  };
  test.each(Object.entries(ways))('%s', async (_when, handler) => {
    const app = await serveText({ handler });
    const [first, hit] = [app.miss, await app.get('/', GZIP)];
    expect(hit.hit).toBe(true);
    expect(hit.body.equals(first.body)).toBe(true);
    expect(hit.headers.etag).toBe(first.headers.etag);
    expect(hit.headers['content-encoding']).toBe(first.headers['content-encoding']);
    expect(await recordBytes()).toBeGreaterThanOrEqual(first.body.length);
  });

  test('unless the option says so', async () => {
    await serveText({ cache: { compressAboveBytes: 10_000_000 } });
    expect(await recordBytes()).toBeGreaterThan(PLAIN.length);
  });
});
