import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Express, RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { session } from '../../../middleware/session/session.js';
import { quiet, redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();

// By require: its types would give req.session another type in all files.
const expressSession = require('express-session');

const tellTarget: RequestHandler = (req, res) =>
  void res.send(`${req.protocol} ${req.host} ${req.originalUrl}`);
const trusting = (app: Express) => void app.set('trust proxy', 1);

/** Sends bytes as they are, and answers the body. */
async function raw(url: string, head: readonly string[]): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(`${[...head, 'Connection: close', '', ''].join('\r\n')}`);
  const answer = await text(socket);
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}

test('http and https of one host share no entry behind a trusted proxy', async () => {
  const app = await serveCached({ redis: file.redis, before: trusting, handler: tellTarget });
  const over = (proto: string) =>
    app.get('/scheme', { headers: { host: 'a.example', 'x-forwarded-proto': proto } });
  expect((await over('http')).body.toString()).toBe('http a.example /scheme');
  expect((await over('https')).body.toString()).toBe('https a.example /scheme');
  expect([(await over('http')).hit, (await over('https')).hit]).toEqual([true, true]);
});

test('tenants that a trusted proxy names in X-Forwarded-Host share no entry', async () => {
  const app = await serveCached({ redis: file.redis, before: trusting, handler: tellTarget });
  const of = (tenant: string) =>
    app.get('/page', { headers: { host: 'inner', 'x-forwarded-host': `${tenant}, inner` } });
  expect((await of('a.example')).body.toString()).toContain('a.example');
  expect(await of('b.example')).toMatchObject({ hit: false, body: Buffer.from('http b.example /page') });
  expect((await of('A.EXAMPLE:80')).hit).toBe(true);
});

test('X-Forwarded-Host of a client that is not trusted chooses no entry', async () => {
  const app = await serveCached({ redis: file.redis, handler: tellTarget });
  const as = (forwarded: string) =>
    app.get('/untrusted', { headers: { host: 'a.example', 'x-forwarded-host': forwarded } });
  await as('x.example');
  expect((await as('y.example')).hit).toBe(true);
});

test('a request whose target names another authority than its Host field is not cached', async () => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: (req, res) => void res.send(`${++calls} ${req.originalUrl}`),
  });
  const host = new URL(app.url).host;
  expect(await raw(app.url, ['GET http://evil.example/docs HTTP/1.1', `Host: ${host}`])).toContain('evil');
  expect(await raw(app.url, [`GET https://${host}/docs HTTP/1.1`, `Host: ${host}`])).toContain('https');
  expect((await app.get('/docs')).body.toString()).toBe('3 /docs');
  expect(await raw(app.url, [`GET http://${host}/docs HTTP/1.1`, `Host: ${host}`])).toBe('3 /docs');
});

test('with "hosts" a client that invents hosts makes no entries', async () => {
  const before = await file.redis.dbsize();
  const app = await serveCached({
    redis: file.redis,
    cache: { hosts: ['a.example', '*.b.example', 'c.example:8080'] },
    handler: tellTarget,
  });
  const twice = async (host: string) => {
    await app.get('/h', { headers: { host } });
    return (await app.get('/h', { headers: { host } })).hit;
  };
  expect(await twice('invented.example')).toBe(false);
  expect(await twice('b.example')).toBe(false);
  expect(await twice('c.example')).toBe(false);
  expect(await file.redis.dbsize()).toBe(before);
  expect(await twice('A.example')).toBe(true);
  expect(await twice('a.example:99')).toBe(true);
  expect(await twice('x.b.example')).toBe(true);
  expect(await twice('c.example:8080')).toBe(true);
});

const told: [who: string, headers: Record<string, string>, detail: string][] = [
  ['a cookie of somebody else', { cookie: 'jwt=ann' }, 'foreign-cookie'],
  ['a cookie without a name', { cookie: '=ann' }, 'foreign-cookie'],
  ['a cookie without a name beside one of the toolkit', { cookie: 'connect.sid=x; =ann' }, 'foreign-cookie'],
  ['a cookie beside one of the toolkit', { cookie: 'connect.sid=x; jwt=ann' }, 'foreign-cookie'],
  ['an API key', { 'x-api-key': 'ann' }, 'credential-field'],
  ['a user that an earlier middleware found', { 'x-user': 'ann' }, 'user'],
];

/** Answers the name of whoever asks, and says nothing about freshness. */
const greet: RequestHandler = (req, res) =>
  void res.send(`hello ${req.headers.cookie ?? req.headers['x-api-key'] ?? req.headers['x-user'] ?? 'you'}`);
const withUser = (app: Express) => {
  session({ redis: file.redis, secret: 'a secret', logger: quiet });
  app.use((req, _res, next) => {
    if (req.headers['x-user']) Object.assign(req, { user: { id: req.headers['x-user'] } });
    next();
  });
};

test.each(told)('with ttlSeconds, %s makes a response personal, both ways', async (_who, headers, detail) => {
  const app = await serveCached({ redis: file.redis, before: withUser, handler: greet });
  const path = `/mine/${detail}/${Object.values(headers)[0]!.length}`;
  for (let i = 0; i < 2; i++) {
    const mine = await app.get(path, { headers });
    expect(mine).toMatchObject({ hit: false, stored: false });
    expect(mine.headers['cache-status']).toContain(`detail=${detail}`);
  }
  expect((await app.get(path)).body.toString()).toBe('hello you');
  expect((await app.get(path)).hit).toBe(true);
  // Nor is the response to nobody in particular an answer to somebody.
  expect((await app.get(path, { headers })).body.toString()).toContain('hello ');
  expect((await app.get(path, { headers })).hit).toBe(false);
});

test('with ttlSeconds, a session of express-session makes a response personal', async () => {
  const app = await serveCached({
    redis: file.redis,
    before: (it) => void it.use(expressSession({ secret: 'x', resave: false, saveUninitialized: true })),
    handler: (_req, res) => void res.send('x'),
  });
  await app.get('/foreign');
  const again = await app.get('/foreign');
  expect(again.hit).toBe(false);
  expect(again.headers['cache-status']).toMatch(/detail=(foreign-session|set-cookie)/);
});

test.each([
  ['public', 'public', true],
  ['s-maxage', 's-maxage=60', true],
  ['max-age', 'max-age=60', true],
  ['private', 'private, max-age=60', false],
])(
  'freshness that the handler declares (%s) counts for requests with cookies too',
  async (name, value, hit) => {
    const app = await serveCached({
      redis: file.redis,
      handler: (_req, res) => void res.set('Cache-Control', value).send('x'),
    });
    const headers = { cookie: 'theme=dark' };
    await app.get(`/declared/${name}`, { headers });
    expect((await app.get(`/declared/${name}`, { headers: { cookie: 'theme=light' } })).hit).toBe(hit);
  },
);

test('cookies of "ignoreCookies" and of session make no response personal', async () => {
  session({ redis: file.redis, secret: 'a secret', name: 'own.sid', logger: quiet });
  const app = await serveCached({
    redis: file.redis,
    cache: { ignoreCookies: ['_ga*', 'consent'] },
    handler: (_req, res) => void res.send('x'),
  });
  const headers = { cookie: '_ga=1; _ga_XYZ=2; consent=all; own.sid=whoever' };
  await app.get('/ignored', { headers });
  expect((await app.get('/ignored', { headers })).hit).toBe(true);
  for (const cookie of ['_g=1', 'x_ga=1', 'consent2=1', 'Consent=1']) {
    expect((await app.get('/ignored', { headers: { cookie } })).hit).toBe(false);
  }
});

test.each([{ key: () => 'a key of its own' }, { shared: true }])(
  'with %o requests with cookies share a response',
  async (cache) => {
    const app = await serveCached({ redis: file.redis, cache, handler: (_req, res) => void res.send('x') });
    await app.get('/vouched', { headers: { cookie: 'a=1' } });
    expect((await app.get('/vouched', { headers: { cookie: 'b=2', 'x-api-key': 'c' } })).hit).toBe(true);
  },
);

test('a response that varies by Cookie is stored for each cookie', async () => {
  const app = await serveCached({
    redis: file.redis,
    handler: (req, res) => void res.vary('Cookie').send(req.headers.cookie),
  });
  for (const cookie of ['a=1', 'a=2']) await app.get('/vary', { headers: { cookie } });
  for (const cookie of ['a=1', 'a=2']) {
    expect(await app.get('/vary', { headers: { cookie } })).toMatchObject({
      hit: true,
      body: Buffer.from(cookie),
    });
  }
});

test('a route whose first 100 requests are set aside for cookies is explained once', async () => {
  const warnings: object[] = [];
  const logger = { ...quiet, warn: (fields: object) => void warnings.push(fields) };
  const app = await serveCached({ redis: file.redis, cache: { logger }, handler: greet });
  for (let i = 0; i < 120; i++) await app.get('/watched', { headers: { cookie: '_ga=1; theme=dark' } });
  expect(warnings).toEqual([{ code: 'CACHE_COOKIES_PERSONAL', cookies: ['_ga'], url: '/watched' }]);

  const mixed = await serveCached({ redis: file.redis, cache: { logger }, handler: greet });
  await mixed.get('/watched/2');
  for (let i = 0; i < 120; i++) await mixed.get('/watched/2', { headers: { cookie: '_ga=1' } });
  expect(warnings).toHaveLength(1);
});

test.each([
  ['Cache-Control', 'public, max-age=60'],
  ['Expires', new Date(Date.now() + 60_000).toUTCString()],
  ['CDN-Cache-Control', 'max-age=60'],
])('%s that a middleware sets for all responses does not make an error cacheable', async (field, value) => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    before: (it) => void it.use((_req, res, next) => void next(void res.set(field, value))),
    handler: (req, res) => {
      calls++;
      if (req.path === '/throws') throw Object.assign(new Error('broken'), { status: 500 });
      if (req.path === '/own') res.set(field, value.replace('60', '61'));
      res.status(404).set('Last-Modified', new Date(0).toUTCString()).send('gone');
    },
  });
  for (const path of ['/throws', '/missing']) {
    calls = 0;
    for (let i = 0; i < 2; i++) await app.get(`${path}`);
    expect([path, calls]).toEqual([path, 2]);
  }
  if (field === 'Expires') return;
  // What the handler itself says about its error counts.
  calls = 0;
  for (let i = 0; i < 2; i++) await app.get('/own');
  expect(calls).toBe(1);
});
