import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import cookieParser from 'cookie-parser';
import type { Express, RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { session } from '../../../middleware/session/session.js';
import { quiet, redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
const using = (middleware: RequestHandler) => (app: Express) => void app.use(middleware);
const names = (req: { headers: Record<string, unknown> }) => req.headers['x-name'];

const signs: [sign: string, before: RequestHandler, headers: (name: string) => Record<string, string>][] = [
  ['req.auth', (req, _res, next) => next(void Object.assign(req, { auth: { sub: names(req) } })), () => ({})],
  [
    'res.locals.user',
    (req, res, next) => next(void Object.assign(res.locals, { user: names(req) })),
    () => ({}),
  ],
  [
    'a verified certificate',
    (req, _res, next) => next(void Object.assign(req.socket, { authorized: true })),
    () => ({}),
  ],
  [
    'a certificate that only the handler judges',
    (req, _res, next) => {
      const getPeerCertificate = () => ({ subject: { CN: 'somebody' } });
      next(void Object.assign(req.socket, { authorizationError: 'SELF_SIGNED', getPeerCertificate }));
    },
    () => ({}),
  ],
  [
    'the user of an authenticating proxy',
    (_req, _res, next) => next(),
    (name) => ({ 'x-forwarded-user': name }),
  ],
  ['the certificate that a proxy saw', (_req, _res, next) => next(), (name) => ({ 'client-cert': name })],
  [
    'the assertion of an access proxy',
    (_req, _res, next) => next(),
    (name) => ({ 'cf-access-jwt-assertion': name }),
  ],
  ['the subscription at a gateway', (_req, _res, next) => next(), (name) => ({ 'x-consumer-id': name })],
  ['a user whose id is 0', (req, _res, next) => next(void Object.assign(req, { user: 0 })), () => ({})],
  [
    'a cookie that a middleware has moved',
    (req, res, next) =>
      cookieParser()(req, res, () => {
        delete req.headers.cookie;
        next();
      }),
    (name) => ({ cookie: `jwt=${name}` }),
  ],
];

test.each(signs)('with ttlSeconds, %s makes a response personal', async (sign, before, headers) => {
  const app = await serveCached({
    redis: file.redis,
    before: using(before),
    handler: (req, res) => void res.send(`hello ${names(req)}`),
  });
  for (const name of ['ann', 'bob']) {
    const mine = await app.get(`/${sign.length}`, { headers: { 'x-name': name, ...headers(name) } });
    expect(mine).toMatchObject({ hit: false, stored: false, body: Buffer.from(`hello ${name}`) });
  }
});

test.each(['must-revalidate', 'proxy-revalidate, must-revalidate'])(
  'with ttlSeconds, a response to Authorization that says %s alone is personal',
  async (control) => {
    const app = await serveCached({
      redis: file.redis,
      handler: (req, res) => void res.set('Cache-Control', control).send(`hello ${names(req)}`),
    });
    for (const name of ['ann', 'bob']) {
      const headers = { 'x-name': name, authorization: `Bearer ${name}` };
      const mine = await app.get(`/${control.length}`, { headers });
      expect(mine).toMatchObject({ hit: false, stored: false, body: Buffer.from(`hello ${name}`) });
    }
  },
);

test('a handler that asks for the session by "load" answers for one person', async () => {
  const sessions = session({ redis: file.redis, secret: 'a secret', logger: quiet });
  const app = await serveCached({
    redis: file.redis,
    handler: async (req, res) => void res.send(String(await sessions.load(req))),
  });
  expect((await app.get('/load')).headers['cache-status']).toContain('detail=session-read');
});

test('a scheme that X-Forwarded-Proto invents does not reach the entry of another URL', async () => {
  const app = await serveCached({
    redis: file.redis,
    before: (it) => void it.set('trust proxy', 1),
    handler: (req, res) => void res.send(req.originalUrl),
  });
  const as = (path: string, host: string, proto: string) =>
    app.get(path, { headers: { host, 'x-forwarded-proto': proto } });
  expect((await as('/host/p', 'a', 'http://v/x?y=')).headers['cache-status']).toContain('detail=host');
  expect((await as('/x?y=://a/host/p', 'v', 'http')).body.toString()).toBe('/x?y=://a/host/p');
  expect((await as('/p', 'a', 'gopher')).stored).toBe(false);
});

test('what a handler makes of the absolute form or of a fragment is no answer to others', async () => {
  const app = await serveCached({
    redis: file.redis,
    handler: (req, res) => void res.send(`https://${req.headers.host}${req.originalUrl}`),
  });
  const { host, port } = new URL(app.url);
  for (const target of [`http://${host}/docs`, '/docs#<script>']) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(await text(socket)).toContain('detail=target');
  }
  expect((await app.get('/docs')).body.toString()).toBe(`https://${host}/docs`);
});

test.each([
  ['http://a.example', ['a.example:80'], true],
  ['http://a.example:80', ['a.example:80'], true],
  ['http://a.example:81', ['a.example:80'], false],
  ['http://x.a.example:3000', ['*.a.example:3000'], true],
  ['http://x.a.example', ['*.a.example:3000'], false],
  ['http://[::1]:3000', ['[::1]'], true],
])('%s is one of the hosts %o: %s', async (url, hosts, isCached) => {
  const app = await serveCached({
    redis: file.redis,
    cache: { hosts },
    handler: (_req, res) => void res.send('x'),
  });
  const { headers } = await app.get('/hosts', { headers: { host: url.slice('http://'.length) } });
  expect(headers['cache-status']?.includes('detail=host')).toBe(!isCached);
});

test.each([
  ['hosts', ['https://a.example']],
  ['hosts', ['a.example/']],
  ['hosts', ['::1']],
  ['hosts', ['*']],
  ['hosts', ['']],
  ['hosts', []],
  ['hosts', ['bücher.example']],
  ['ignoreCookies', ['a b']],
  ['ignoreCookies', ['']],
  ['credentialFields', ['X API Key']],
  ['targetedHeader', 'My Cache'],
])('the option "%s" cannot be %o', (name, value) => {
  expect(() => cacheResponse({ redis: file.redis, [name]: value })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(name) }),
  );
});
