import { parseList } from 'structured-headers';
import { beforeEach, expect, test } from 'vitest';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile } from '../support/redis-for-file.js';
import { type AskOptions, serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

type App = Awaited<ReturnType<typeof serveCached>>;

/** The store follows the response; asks until it is there. */
async function warm(app: App, path = '/', options: AskOptions = {}): Promise<void> {
  await eventually('a hit', async () => (await app.get(path, options)).hit);
}

function counting(cache = {}) {
  let calls = 0;
  return serveCached({ redis: file.redis, cache, handler: (_req, res) => void res.json({ calls: ++calls }) });
}

test('a miss is stored and then hit, with Age and Cache-Status', async () => {
  const app = await counting();
  const miss = await app.get();
  expect(miss).toMatchObject({ hit: false, stored: true });
  expect(miss.headers).not.toHaveProperty('age');
  expect([...parseList(miss.headers['cache-status'] as string)[0]![1].keys()]).toEqual(['fwd', 'stored']);
  await warm(app);
  const hit = await app.get();
  expect(hit.body).toEqual(miss.body);
  expect(Number(hit.headers.age)).toBeGreaterThanOrEqual(0);
  expect(hit.headers.etag).toBe(miss.headers.etag);
  const [name, parameters] = parseList(hit.headers['cache-status'] as string)[0]!;
  expect(String(name)).toBe('toolkit');
  expect(parameters.get('hit')).toBe(true);
  expect(parameters.get('ttl')).toBeGreaterThan(50);
});

test('the expiry in Redis is the freshness and the time for a validation, and an expired entry is a miss', async () => {
  const app = await counting();
  await warm(app);
  const [key] = await file.redis.keys('cache:*');
  expect(await file.redis.pttl(key!)).toBeLessThanOrEqual(120_000);
  await file.redis.del(key!);
  expect((await app.get()).hit).toBe(false);
});

test('HEAD and conditional requests are answered from a stored GET', async () => {
  const app = await counting();
  await warm(app);
  const { headers, body } = await app.get();
  const head = await app.get('/', { method: 'HEAD' });
  expect(head).toMatchObject({ status: 200, hit: true, headers: { 'content-length': String(body.length) } });
  expect(head.body.length).toBe(0);
  const fresh = await app.get('/', { headers: { 'if-none-match': headers.etag! } });
  expect(fresh).toMatchObject({ status: 304, hit: true, headers: { etag: headers.etag } });
  expect(fresh.headers).not.toHaveProperty('content-length');
  expect(await app.get('/', { headers: { 'if-none-match': '"other"' } })).toMatchObject({
    status: 200,
    hit: true,
  });
});

test('a HEAD does not fill the cache', async () => {
  const app = await counting();
  expect(await app.get('/', { method: 'HEAD' })).toMatchObject({ status: 200, stored: false });
  expect((await app.get()).hit).toBe(false);
});

test('another value of a header that Vary names is a miss, and no value of it reaches Redis', async () => {
  const app = await serveCached({
    redis: file.redis,
    handler: (req, res) =>
      void res.vary('Cookie').vary('Accept-Language').send(req.headers['accept-language']),
  });
  const german = { headers: { 'accept-language': 'de', cookie: 'connect.sid=s%3Asecret-value' } };
  await warm(app, '/', german);
  const [key] = await file.redis.keys('cache:*');
  expect(await file.redis.get(key!)).not.toContain('secret-value');
  expect(await app.get('/', { headers: { ...german.headers, 'accept-language': 'fr' } })).toMatchObject({
    hit: false,
  });
  expect(await app.get('/', { headers: { 'accept-language': 'de' } })).toMatchObject({ hit: false });
});

test('Vary: * is never stored', async () => {
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => void res.set('Vary', '*').send('x'),
  });
  expect(await app.get()).toMatchObject({ stored: false });
});

test('two hosts do not share, whatever a client calls its host', async () => {
  const app = await serveCached({
    redis: file.redis,
    handler: (req, res) => void res.send(`${req.headers.host} ${req.originalUrl}`),
  });
  await warm(app, '/users/1', { headers: { host: 'a.example' } });
  expect((await app.get('/users/1', { headers: { host: 'b.example' } })).hit).toBe(false);
  await app.get('/1', { headers: { host: 'a.example/users' } });
  const hit = await app.get('/users/1', { headers: { host: 'A.EXAMPLE' } });
  expect(hit).toMatchObject({ hit: true, body: Buffer.from('a.example /users/1') });
});

test('odd characters do not make two URLs one', async () => {
  const app = await serveCached({ redis: file.redis, handler: (req, res) => void res.send(req.originalUrl) });
  const long = `/${'x'.repeat(400)}`;
  const paths = [
    '/a%20b',
    '/a+b',
    '/a%2520b',
    '/{a}',
    '/%7Ba%7D',
    '/a?b',
    '/a%3Fb',
    '/a?',
    '/A',
    '//a',
    long,
    `${long}y`,
  ];
  for (const path of paths) await warm(app, path);
  for (const path of paths) expect((await app.get(path)).body.toString()).toBe(path);
  expect(await file.redis.keys('cache:*')).toHaveLength(paths.length);
});

test('the order of query parameters counts only among those of one name', async () => {
  const app = await counting();
  await warm(app, '/?a=1&b=2&b=3');
  expect((await app.get('/?b=2&a=1&b=3')).hit).toBe(true);
  expect((await app.get('/?a=1&b=3&b=2')).hit).toBe(false);
});

test.each([
  ['allow', { allow: ['page', 'tag list'] }],
  ['ignore', { ignore: ['utm_source', 'x'] }],
] as const)('queryParams: %s says which parameters count', async (_kind, queryParams) => {
  const app = await counting({ queryParams });
  await warm(app, '/?page=1&tag+list=a');
  expect((await app.get('/?x=9&tag%20list=a&utm_source=mail&page=1')).hit).toBe(false);
  expect((await app.get('/?x=9&tag+list=a&utm_source=mail&page=1')).hit).toBe(true);
  expect((await app.get('/?page=2&tag+list=a')).hit).toBe(false);
});

test("the counts and ids that middlewares set for the filler's own request are not replayed", async () => {
  let requests = 0;
  const app = await serveCached({
    redis: file.redis,
    before: (each) =>
      each.use((_req, res, next) => {
        requests += 1;
        res.set({ RateLimit: `"default";r=${100 - requests};t=1`, 'X-Request-Id': `${requests}` });
        if (requests > 1) res.removeHeader('X-Request-Id');
        next();
      }),
    handler: (_req, res) => void res.set('X-Own', 'kept').send('x'),
  });
  await warm(app);
  const hit = await app.get();
  expect(hit.headers.ratelimit).toBe(`"default";r=${100 - requests};t=1`);
  expect(hit.headers).toMatchObject({ 'x-own': 'kept' });
  expect(hit.headers).not.toHaveProperty('x-request-id');
});

test('a request that asks for a fresh answer gets one', async () => {
  const app = await counting();
  await warm(app);
  const [before, fresh] = [await app.get(), await app.get('/', { headers: { 'cache-control': 'no-cache' } })];
  expect(fresh.hit).toBe(false);
  expect(fresh.body).not.toEqual(before.body);
});

test('something else under the key is a miss', async () => {
  const app = await counting();
  await warm(app);
  const [key] = await file.redis.keys('cache:*');
  await file.redis.set(key!, 'not an entry', 'KEEPTTL');
  expect(await app.get()).toMatchObject({ status: 200, hit: false });
});
