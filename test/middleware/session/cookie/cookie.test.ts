import express from 'express';

import { expect, test } from 'vitest';
import { SessionCookie } from '../../../../middleware/session/cookie/cookie.js';
import { session } from '../../../../middleware/session/session.js';
import { SessionStore } from '../../../../src/sessions/session-store.js';
import { redisForFile, serve } from '../../support/redis-for-file.js';
import { clientOf, data, SECRET, serveSessions } from '../support/session-client.js';

// Its types would give req.session another type everywhere.
const expressSession = require('express-session');

const file = redisForFile();

const show = (req: express.Request, res: express.Response) =>
  res.json({ id: req.sessionID, user: data(req).user });

function serveTheirs(secret: string) {
  const app = express();
  const store = new expressSession.MemoryStore();
  app.use(expressSession({ secret, store, resave: false, saveUninitialized: false }));
  app.get('/login', (req, res) => {
    data(req).user = 'u';
    res.json({ id: req.sessionID });
  });
  app.get('/show', show);
  return serve(app).then((url) => ({ client: (cookie?: string) => clientOf(url, cookie), store }));
}

test('express-session and the toolkit read the cookies that the other one signed', async () => {
  const theirs = await serveTheirs(SECRET);
  const ours = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/show', show);
    app.get('/login', (req, res) => {
      data(req).user = 'ours';
      res.json({ id: req.sessionID });
    });
  });
  const them = theirs.client();
  const { id } = JSON.parse((await them.get('/login')).text);
  const store = new SessionStore(file.redis, {
    prefix: '',
    timeoutMs: 1000,
    maxBytes: 1000,
    absoluteTimeoutMs: 60_000,
  });
  await store.create(id, new Map([['user', '"known"']]), 60_000);
  expect(JSON.parse((await ours.client(them.cookie).get('/show')).text)).toEqual({ id, user: 'known' });

  const us = ours.client();
  const own = JSON.parse((await us.get('/login')).text);
  const record = { cookie: { originalMaxAge: null }, user: 'theirs' };
  await new Promise((resolve) => theirs.store.set(own.id, record as never, resolve));
  expect(JSON.parse((await theirs.client(us.cookie).get('/show')).text)).toEqual({
    id: own.id,
    user: 'theirs',
  });
});

test('the first secret signs, cookies signed by any listed secret are accepted, and those of a removed one are not', async () => {
  const routes = (app: express.Express) => {
    app.get('/show', show);
    app.get('/login', (req, res) => {
      data(req).user = 'u';
      res.end();
    });
  };
  const before = await serveSessions({ redis: file.redis, secret: 'old' }, routes);
  const during = await serveSessions({ redis: file.redis, secret: ['new', 'old'] }, routes);
  const after = await serveSessions({ redis: file.redis, secret: 'new' }, routes);
  const user = async (url: typeof before, cookie: string) =>
    JSON.parse((await url.client(cookie).get('/show')).text).user;
  const [old, fresh] = [before.client(), during.client()];
  await Promise.all([old.get('/login'), fresh.get('/login')]);
  expect(await user(during, old.cookie)).toBe('u');
  expect(await user(after, old.cookie)).toBeUndefined();
  expect(await user(after, fresh.cookie)).toBe('u');
  expect(await user(before, fresh.cookie)).toBeUndefined();
});

test('by default the session cookie is HttpOnly, SameSite=Lax, for the path /, and ends with the browser', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/', (req, res) => {
      data(req).user = 'u';
      res.end();
    });
  });
  const { cookie } = await client().get('/');
  expect(cookie).toMatch(/^connect\.sid=s%3A[\w-]{43}\.[\w%-]+; Path=\/; HttpOnly; SameSite=Lax$/);
});

test('cookie.secure: auto follows the connection, and cookie.secure: true makes the default name __Host-', async () => {
  const login = (app: express.Express) => {
    app.get('/', (req, res) => {
      data(req).user = 'u';
      res.end();
    });
  };
  const proxied = (app: express.Express) => void app.set('trust proxy', true);
  const auto = await serveSessions({ redis: file.redis }, login, proxied);
  const https = { headers: { 'x-forwarded-proto': 'https' } };
  expect((await auto.client().get('/', https)).cookie).toMatch(/; Secure/);
  const secure = await serveSessions({ redis: file.redis, cookie: { secure: true } }, login, proxied);
  expect((await secure.client().get('/', https)).cookie).toMatch(/^__Host-connect\.sid=.*; Path=\/;.*Secure/);
  const domain = { secure: true, domain: 'example.com' };
  const wide = await serveSessions({ redis: file.redis, cookie: domain }, login, proxied);
  expect((await wide.client().get('/', https)).cookie).toMatch(/^connect\.sid=.*Domain=example\.com/);
});

test.each([
  ['__Host-sid', {}, /secure: true/],
  ['__Host-sid', { secure: 'auto' }, /secure: true/],
  ['__Host-sid', { secure: true, domain: 'example.com' }, /no cookie\.domain/],
  ['__Host-sid', { secure: true, path: '/admin' }, /cookie\.path/],
  ['__Secure-sid', { secure: false }, /secure: true/],
] as const)('the cookie name %s with the attributes %j is refused at construction', (name, cookie, why) => {
  expect(() => session({ redis: file.redis, secret: SECRET, name, cookie })).toThrow(why);
});

test("cookie.maxAge that a request sets is the session's idle timeout and the cookie's lifetime", async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/remember', (req, res) => {
      data(req).user = 'u';
      req.session.cookie.maxAge = 600_000;
      res.end();
    });
    app.get('/until', (req, res) => {
      req.session.cookie.expires = new Date(Date.now() + 300_000);
      res.end();
    });
    app.get('/age', (req, res) => res.json(req.session.cookie.maxAge));
    app.get('/nonsense', (req, res) => {
      req.session.cookie.maxAge = Number.POSITIVE_INFINITY;
      res.end();
    });
  });
  const one = client();
  await file.redis.flushall();
  expect((await one.get('/remember')).cookie).toMatch(/Expires=/);
  const ttl = async () => file.redis.pttl((await file.redis.keys('session:*'))[0]!);
  expect(await ttl()).toBeGreaterThan(590_000);
  expect(await ttl()).toBeLessThanOrEqual(600_000);
  expect(Number((await one.get('/age')).text)).toBeGreaterThan(590_000);
  expect((await one.get('/until')).cookie).toMatch(/Expires=/);
  expect(await ttl()).toBeLessThanOrEqual(300_000);
  expect((await one.get('/nonsense')).status).toBe(500);
  expect(await ttl()).toBeGreaterThan(290_000);
  expect(Number((await one.get('/age')).text)).toBeGreaterThan(290_000);
});

test('cookie.maxAge and cookie.expires change each other', () => {
  const cookie = new SessionCookie({ maxAge: 1000 });
  expect(cookie.expires).toBeInstanceOf(Date);
  cookie.expires = false;
  expect(cookie).toMatchObject({ maxAge: null, originalMaxAge: null });
  cookie.maxAge = 5000;
  expect(cookie.toJSON()).toMatchObject({ originalMaxAge: 5000, expires: expect.any(Date), httpOnly: true });
});

test('two session middlewares with their own names and prefixes keep separate sessions', async () => {
  const app = express();
  const put = (req: express.Request, res: express.Response) => {
    data(req).count = (data(req).count ?? 0) + 1;
    res.json(data(req).count);
  };
  app.use('/shop', session({ redis: file.redis, secret: SECRET, name: 'shop.sid', prefix: 'shop:' }), put);
  app.use('/admin', session({ redis: file.redis, secret: SECRET, name: 'admin.sid', prefix: 'admin:' }), put);
  const url = await serve(app);
  const [shop, admin] = [clientOf(url), clientOf(url)];
  await shop.get('/shop');
  await admin.get('/admin');
  const both = clientOf(url, `${shop.cookie}; ${admin.cookie}`);
  expect((await both.get('/shop')).text).toBe('2');
  expect((await both.get('/admin')).text).toBe('2');
  expect((await clientOf(url, shop.cookie).get('/admin')).text).toBe('1');
});
