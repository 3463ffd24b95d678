import cookieParser from 'cookie-parser';
import express, { type RequestHandler } from 'express';
import { describe, expect, test } from 'vitest';
import { redisForFile, serve } from '../../support/redis-for-file.js';
import { clientOf, data, SECRET } from '../support/session-client.js';
import { KINDS, serveKind, sessionsOf } from '../support/session-kinds.js';

const file = redisForFile();

const count: RequestHandler = (req, res) => {
  data(req).count = (data(req).count ?? 0) + 1;
  res.json(data(req).count);
};
// express-session's maxAge is the remaining time, a moment later.
const seconds = (ms: number | null) => ms && Math.round(ms / 1000);
const show: RequestHandler = (req, res) => void res.json(data(req)?.count ?? null);

describe.each(KINDS)('session cookies on %s', (kind) => {
  test('a change sends the cookie again if it has a maxAge, and not if it ends with the browser', async () => {
    const routes = (app: express.Express) => {
      app.get('/count', count).get('/show', show);
      app.get('/remember', (req, res) => {
        req.session.cookie.maxAge = 60_000;
        data(req).count = 1;
        res.json(req.session.cookie.originalMaxAge);
      });
      app.get('/ages', (req, res) => {
        const { maxAge, originalMaxAge, expires } = req.session.cookie;
        res.json({ original: seconds(originalMaxAge), left: maxAge, dated: expires instanceof Date });
      });
    };
    const { client } = await serveKind(kind, file.redis, {}, routes);
    const one = client();
    await one.get('/count');
    expect((await one.get('/count')).cookie).toBeUndefined();
    const lasting = client();
    expect((await lasting.get('/remember')).cookie).toMatch(/; Expires=/);
    expect((await lasting.get('/count')).cookie).toMatch(/; Expires=/);
    expect((await lasting.get('/show')).cookie).toBeUndefined();
    const { left, ...rest } = JSON.parse((await lasting.get('/ages')).text);
    expect(rest).toEqual({ original: 60, dated: true });
    expect(left).toBeLessThanOrEqual(60_000);
    expect(left).toBeGreaterThan(50_000);
  });

  test('a cookie that a request made end with the browser stays so, although the option has a maxAge', async () => {
    const { client } = await serveKind(kind, file.redis, { cookie: { maxAge: 60_000 } }, (app) => {
      app.get('/forget', (req, res) => {
        data(req).count = 1;
        req.session.cookie.expires = false as never;
        res.end();
      });
      app.get('/age', (req, res) => void res.json(req.session.cookie.maxAge || null));
    });
    const one = client();
    expect((await one.get('/forget')).cookie).not.toMatch(/Expires/);
    expect((await one.get('/age')).text).toBe('null');
  });

  test('cookie attributes that a request sets are kept with the session', async () => {
    const { client } = await serveKind(kind, file.redis, { rolling: true }, (app) => {
      app.get('/count', count).get('/show', show);
      app.get('/strict', (req, res) => {
        data(req).count = 1;
        Object.assign(req.session.cookie, { sameSite: 'strict', priority: 'high', httpOnly: false });
        res.end();
      });
    });
    const one = client();
    await one.get('/strict');
    const { cookie } = await one.get('/show');
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).toMatch(/Priority=High/);
    expect(cookie).not.toMatch(/HttpOnly/);
  });

  test('a Secure cookie is not sent over plain HTTP, and the option proxy decides whether X-Forwarded-Proto counts', async () => {
    const forwarded = { headers: { 'x-forwarded-proto': 'https, http' } };
    const cookieWith = async (proxy: boolean | undefined, trust: boolean) => {
      const options = { name: 'sid', cookie: { secure: true }, ...(proxy === undefined ? {} : { proxy }) };
      const routes = (app: express.Express) => void app.get('/', count);
      const { client } = await serveKind(kind, file.redis, options, routes, (app) => {
        app.set('trust proxy', trust);
      });
      expect((await client().get('/')).cookie).toBeUndefined();
      return (await client().get('/', forwarded)).cookie !== undefined;
    };
    expect(await cookieWith(undefined, false)).toBe(false);
    expect(await cookieWith(undefined, true)).toBe(true);
    expect(await cookieWith(true, false)).toBe(true);
    expect(await cookieWith(false, true)).toBe(false);
  });

  test('secure and sameSite "auto" follow the connection', async () => {
    const cookie = { secure: 'auto', sameSite: 'auto' } as const;
    const { client } = await serveKind(kind, file.redis, { cookie, proxy: true }, (app) => {
      app.get('/', (req, res) => {
        data(req).count = 1;
        res.json([req.session.cookie.secure, req.session.cookie.sameSite]);
      });
    });
    const plain = await client().get('/');
    expect(JSON.parse(plain.text)).toEqual([false, 'lax']);
    expect(plain.cookie).not.toMatch(/Secure/);
    const secure = await client().get('/', { headers: { 'x-forwarded-proto': 'https' } });
    expect(JSON.parse(secure.text)).toEqual([true, 'none']);
    expect(secure.cookie).toMatch(/; Secure.*SameSite=None/);
  });

  test('the cookie option may be a function of the request', async () => {
    const cookie = (req: express.Request) => ({ path: '/', maxAge: req.query.long ? 600_000 : 60_000 });
    const { client } = await serveKind(kind, file.redis, { cookie }, (app) => {
      app.get('/', (req, res) => {
        data(req).count = 1;
        res.json(seconds(req.session.cookie.originalMaxAge));
      });
    });
    expect((await client().get('/?long=1')).text).toBe('600');
    expect((await client().get('/')).text).toBe('60');
  });

  test('without the option secret, the secret of cookieParser signs, and without both the request fails', async () => {
    const parser = (app: express.Express) => void app.use(cookieParser('of the parser'));
    const routes = (app: express.Express) => void app.get('/', count);
    const { client } = await serveKind(kind, file.redis, { secret: undefined as never }, routes, parser);
    const one = client();
    await one.get('/');
    expect((await one.get('/')).text).toBe('2');
    const without = await serveKind(kind, file.redis, { secret: undefined as never }, routes);
    expect((await without.client().get('/')).status).toBe(500);
  });

  test('a session works behind cookieParser, even if the Cookie header was removed', async () => {
    const parser = (app: express.Express) => {
      app.use(cookieParser());
      app.use((req, _res, next) => {
        delete req.headers.cookie;
        next();
      });
    };
    const { client } = await serveKind(kind, file.redis, {}, (app) => void app.get('/', count), parser);
    const one = client();
    await one.get('/');
    expect((await one.get('/')).text).toBe('2');
  });

  test('requests outside cookie.path have no session, and below a mount the whole path counts', async () => {
    const app = express();
    app.use('/admin', sessionsOf(kind, file.redis, { name: 'admin.sid', cookie: { path: '/admin' } }));
    app.use('/other', sessionsOf(kind, file.redis, { name: 'other.sid', cookie: { path: '/admin' } }));
    app.get('/admin/count', count);
    app.get('/other/count', (req, res) => void res.json(typeof req.session));
    const url = await serve(app);
    const { cookie } = await clientOf(url).get('/admin/count');
    expect(cookie).toMatch(/^admin\.sid=.*Path=\/admin/);
    expect((await clientOf(url).get('/other/count')).text).toBe('"undefined"');
  });

  test('of two session middlewares on one path the first counts, and on separate paths each has its own name and data', async () => {
    const app = express();
    app.use('/a', sessionsOf(kind, file.redis, { name: 'a.sid' }), count);
    app.use('/b', sessionsOf(kind, file.redis, { name: 'b.sid' }), count);
    const [first, second] = ['first.sid', 'second.sid'].map((name) => sessionsOf(kind, file.redis, { name }));
    app.use('/both', first!, second!, count);
    const url = await serve(app);
    const names = async (path: string) => (await fetch(url + path)).headers.getSetCookie();
    expect(await names('/both')).toEqual([expect.stringMatching(/^first\.sid=/)]);
    const [a, b] = [(await names('/a'))[0]!.split(';')[0]!, (await names('/b'))[0]!.split(';')[0]!];
    expect((await clientOf(url, `${a}; ${b}`).get('/a')).text).toBe('2');
    expect((await clientOf(url, `${a}; ${b}`).get('/b')).text).toBe('2');
    expect((await clientOf(url, a).get('/b')).text).toBe('1');
  });

  test('a cookie whose end is in the past is sent, so that the browser drops it', async () => {
    const { client } = await serveKind(kind, file.redis, {}, (app) => {
      app.get('/', (req, res) => {
        data(req).count = 1;
        req.session.cookie.expires = new Date(Date.now() - 60_000);
        res.end();
      });
      app.get('/show', show);
    });
    const one = client();
    const { cookie } = await one.get('/');
    expect(Date.parse(/Expires=([^;]+)/.exec(cookie!)![1]!)).toBeLessThan(Date.now());
    expect((await one.get('/show')).text).toBe('null');
  });

  test('the cookie value is `s:`, the session id and its signature', async () => {
    const routes = (app: express.Express) => void app.get('/', count);
    const { client } = await serveKind(kind, file.redis, { secret: [SECRET, 'older'] }, routes);
    expect(decodeURIComponent((await client().get('/')).cookie!)).toMatch(
      /^connect\.sid=s:[\w-]{32,}\.[\w+/]{43}; Path=\/; HttpOnly/,
    );
  });
});
