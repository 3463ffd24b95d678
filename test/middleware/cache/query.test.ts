import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import express, { type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import type { CacheResponseOptions } from '../../../middleware/cache/options.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';

const file = redisForFile();
let prefixes = 0;

async function serveQueries(
  control: string,
  { before = [], ...options }: Partial<CacheResponseOptions> & { before?: RequestHandler[] } = {},
) {
  const contents: string[] = [];
  const cache = cacheResponse({
    redis: file.redis,
    logger: quiet,
    prefix: `query-${++prefixes}:`,
    timeoutMs: 2000,
    ...options,
  });
  const app = express();
  app.use(...before, cache, express.text({ limit: '1mb' }), (req, res) => {
    contents.push(req.body as string);
    res.set('Cache-Control', control).send(String(contents.length));
  });
  const url = await serve(app);
  const query = (content: string) =>
    new Promise<{ body: string; status: string }>((resolve, reject) => {
      const sent = request(url, { method: 'QUERY', agent: false, headers: { 'Content-Type': 'text/plain' } });
      sent.on('error', reject).on('response', (res) => {
        text(res).then((body) => resolve({ body, status: String(res.headers['cache-status']) }), reject);
      });
      sent.end(content);
    });
  return { url, query, contents };
}

test('ten equal queries at once are one handler call, ten different ones are ten', async () => {
  const { query, contents } = await serveQueries('max-age=60');
  const equal = await Promise.all(Array.from({ length: 10 }, () => query('same')));
  expect(equal.map(({ body }) => body)).toEqual(Array(10).fill('1'));
  await Promise.all(Array.from({ length: 10 }, (_, n) => query(`other ${n}`)));
  expect(contents).toHaveLength(11);
});

test('a stale query is not refreshed in the background, where its content would be lost', async () => {
  const { query, contents } = await serveQueries('max-age=0, stale-while-revalidate=60');
  await query('what');
  expect((await query('what')).body).toBe('2');
  expect(contents).toEqual(['what', 'what']);
});

test('content that is too large for the cache reaches the handler whole', async () => {
  const { query, contents } = await serveQueries('max-age=60', { maxQueryBytes: 1000 });
  const content = Array.from({ length: 40_000 }, (_, n) => String(n % 10)).join('');
  expect((await query(content)).status).toBe('toolkit;fwd=bypass;detail=content');
  expect(contents).toEqual([content]);
});

test('a query that a parser read before the cache passes through', async () => {
  const { query, contents } = await serveQueries('max-age=60', { before: [express.text()] });
  await query('a');
  expect((await query('a')).status).toBe('toolkit;fwd=bypass;detail=content');
  expect(contents).toEqual(['a', 'a']);
});

test('a query whose client leaves before its content is complete stores nothing', async () => {
  const { url, query, contents } = await serveQueries('max-age=60');
  const headers = { 'Content-Type': 'text/plain', 'Content-Length': 4 };
  const sent = request(url, { method: 'QUERY', agent: false, headers });
  sent.on('error', () => undefined);
  await new Promise((resolve) => sent.write('ab', resolve));
  sent.destroy();
  await query('ab');
  expect(contents.at(-1)).toBe('ab');
  expect(await query('ab').then(({ status }) => status)).toContain('hit');
});
