import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import express, { type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import type { CacheResponseOptions } from '../../../middleware/cache/options.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { stack } from '../../../middleware/stack/stack.js';
import { linkTo } from '../../../src/redis/link.js';
import { eventually } from '../../support/eventually.js';
import { countedRedis } from '../support/counted-redis.js';
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

test('in a stack the look-up of a QUERY leaves with the other questions, if the content came with the fields', async () => {
  const { redis, costOf } = await countedRedis();
  const common = { redis, timeoutMs: 5_000, logger: quiet };
  const limit = rateLimit({ ...common, keyGenerator: () => 'one' });
  const sessions = session({ ...common, secret: 'x'.repeat(32), cookie: { secure: false } });
  const app = express();
  app.post('/login', sessions, (req, res) => {
    Object.assign(req.session, { user: 'ann' });
    res.end();
  });
  const cache = cacheResponse({ ...common, ttlSeconds: 60 });
  app.use(stack(limit, sessions, cache), express.text(), (req, res) => void res.send(req.body));
  const url = await serve(app);
  const login = await fetch(`${url}/login`, { method: 'POST' });
  const cookie = login.headers.get('set-cookie')!.split(';')[0]!;
  const query = async () => {
    const headers = { 'Content-Type': 'text/plain', cookie };
    const answer = await fetch(url, { method: 'QUERY', headers, body: 'what' });
    return `${await answer.text()} ${answer.headers.get('cache-status')}`;
  };
  await eventually('a hit', async () => (await query()).includes('hit'));
  await linkTo(redis).drained();
  const { writes } = await costOf(async () => {
    expect(await query()).toMatch(/^what toolkit;hit/);
    await linkTo(redis).drained();
  });
  expect(writes).toBe(1);
});

test.each(['key', 'key of nobody', 'tags'] as const)(
  'a QUERY whose %s needs the session is asked when it is there, about its own content',
  async (option) => {
    const prefix = `query-${++prefixes}:`;
    const common = { redis: file.redis, prefix, timeoutMs: 2_000, logger: quiet };
    const sessions = session({ ...common, secret: 'x'.repeat(32), cookie: { secure: false } });
    const app = express();
    app.post('/login/:user', sessions, (req, res) => {
      Object.assign(req.session, { user: req.params.user });
      res.end();
    });
    const sessionOf = (req: express.Request) => req.session as unknown as { user: string };
    const own = {
      key: { key: (req: express.Request) => sessionOf(req).user },
      // Early there is a key, but another one.
      'key of nobody': { key: (req: express.Request) => sessionOf(req)?.user ?? 'nobody' },
      tags: { tags: (req: express.Request) => [sessionOf(req).user] },
    };
    const cache = cacheResponse({ ...common, ttlSeconds: 60, shared: true, ...own[option] });
    app.use(stack(sessions, cache), express.text(), (req, res) => void res.send(`${req.method} ${req.body}`));
    const url = await serve(app);
    const login = await fetch(`${url}/login/ann`, { method: 'POST' });
    const cookie = login.headers.get('set-cookie')!.split(';')[0]!;
    const ask = async (method: string, body?: string) => {
      const headers = { 'Content-Type': 'text/plain', cookie };
      const answer = await fetch(url, { method, headers, ...(body && { body }) });
      return `${await answer.text()} ${answer.headers.get('cache-status')}`;
    };
    await eventually('a hit', async () => (await ask('QUERY', 'a')).startsWith('QUERY a toolkit;hit'));
    await eventually('a hit', async () => (await ask('GET')).includes('hit'));
    expect(await ask('QUERY', 'b')).toMatch(/^QUERY b toolkit;fwd=uri-miss/);
    expect(await ask('QUERY', 'a')).toMatch(/^QUERY a toolkit;hit/);
  },
);

test('behind another middleware in a stack a QUERY leaves the content to it', async () => {
  const app = express();
  const cache = cacheResponse({ redis: file.redis, logger: quiet, prefix: `query-${++prefixes}:` });
  app.use(stack(express.text(), cache), (req, res) => void res.send(req.body));
  const url = await serve(app);
  const answer = await fetch(url, {
    method: 'QUERY',
    headers: { 'Content-Type': 'text/plain' },
    body: 'what',
  });
  expect([await answer.text(), answer.headers.get('cache-status')]).toEqual([
    'what',
    'toolkit;fwd=bypass;detail=content',
  ]);
});

test('contents that are no UTF-8 are compared byte by byte', async () => {
  let runs = 0;
  const common = { redis: file.redis, logger: quiet, prefix: `query-${++prefixes}:`, timeoutMs: 2_000 };
  const app = express();
  app.use(cacheResponse({ ...common, normaliseQuery: true }), (_req, res) => {
    res.set('Cache-Control', 'max-age=60').send(String(++runs));
  });
  const url = await serve(app);
  const query = async (byte: number) => {
    const body = Buffer.from([0x22, byte, 0x22]);
    return (
      await fetch(url, { method: 'QUERY', headers: { 'Content-Type': 'application/json' }, body })
    ).text();
  };
  expect([await query(0xf6), await query(0xf7), await query(0xf6)]).toEqual(['1', '2', '1']);
});
