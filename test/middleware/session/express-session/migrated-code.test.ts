import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import cookieParser from 'cookie-parser';
import type { Express } from 'express';
import { describe, expect, test } from 'vitest';
import { redisForFile } from '../../support/redis-for-file.js';
import { keyOf } from '../support/session-age.js';
import { data, serveSessions } from '../support/session-client.js';
import { KINDS, serveKind } from '../support/session-kinds.js';

const file = redisForFile();

// Code written for express-session does these things to its sessions. They run on both.
describe.each(KINDS)('code written for express-session, on %s', (kind) => {
  test.each(['copy', 'plain', 'prototype'] as const)(
    'req.session.cookie may be assigned: %s',
    async (how) => {
      const { client } = await serveKind(kind, file.redis, {}, (app) => {
        app.get('/', (req, res) => {
          data(req).a = 1;
          if (how === 'plain') data(req).cookie = { maxAge: 5000, path: '/' };
          if (how === 'copy') {
            req.session.cookie.maxAge = 5000;
            Object.assign(req.session, JSON.parse(JSON.stringify(req.session)));
          }
          if (how === 'prototype') {
            req.session.cookie.maxAge = 5000;
            const { cookie } = req.session;
            req.session.cookie = Object.assign(Object.create(Object.getPrototypeOf(cookie)), cookie);
          }
          const ms = req.session.cookie.originalMaxAge ?? req.session.cookie.maxAge ?? 0;
          res.json([Math.round(ms / 1000), Object.keys(req.session)]);
        });
        app.get('/show', (req, res) => void res.json(data(req).a ?? null));
      });
      const one = client();
      const { status, text: json } = await one.get('/');
      expect(status).toBe(200);
      expect(JSON.parse(json)).toEqual([5, expect.arrayContaining(['a', 'cookie'])]);
      expect((await one.get('/show')).text).toBe('1');
    },
  );

  test('the session object from before reload can still save', async () => {
    const { client } = await serveKind(kind, file.redis, {}, (app) => {
      app.get('/set', (req, res) => {
        data(req).x = 1;
        res.end();
      });
      app.get('/reload', (req, res, next) => {
        const old = data(req);
        old.reload(() => {
          old.y = 2;
          old.save((error: unknown) => (error ? next(error) : res.end()));
        });
      });
      app.get('/show', (req, res) => void res.json([data(req).x, data(req).y]));
    });
    const one = client();
    await one.get('/set');
    expect((await one.get('/reload')).status).toBe(200);
    // express-session then overwrites it with the new object.
    expect((await one.get('/show')).text).toBe(kind === 'ours' ? '[1,2]' : '[1,null]');
  });
});

test('destroy on the session object from before regenerate leaves the new session stored', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/', async (req, res) => {
      const old = req.session;
      data(req).x = 1;
      await old.save();
      await old.regenerate();
      data(req).x = 2;
      await req.session.save();
      await old.destroy();
      res.json([old.id, req.sessionID]);
    });
  });
  const [old, fresh] = JSON.parse((await client().get('/')).text);
  expect(await file.redis.exists(keyOf(old))).toBe(0);
  expect(await file.redis.hget(keyOf(fresh), 'x')).toBe('2');
});

test('the session object from before regenerate cannot save, and its id stays ended', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/', async (req, res) => {
      const old = data(req);
      old.x = 1;
      if (req.query.stored) await old.save();
      await old.regenerate();
      old.x = 2;
      const error = await old.save().catch((failure: unknown) => failure);
      res.json([old.id, req.sessionID, error?.code]);
    });
  });
  for (const path of ['/', '/?stored=1']) {
    const { text: json, cookie } = await client().get(path);
    const [old, fresh, code] = JSON.parse(json);
    expect(code).toBe('SESSION_NOT_FOUND');
    expect(await file.redis.exists(keyOf(old))).toBe(0);
    expect(decodeURIComponent(cookie!)).toContain(fresh);
  }
});

test('assigning another id to req.sessionID is refused', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/', (req) => {
      req.sessionID = 'chosen';
    });
  });
  expect(await client().get('/')).toMatchObject({ status: 500, text: '{"error":"SESSION_REPLACED"}' });
  expect(await file.redis.exists(keyOf('chosen'))).toBe(0);
});

test('an invalid cookie attribute fails the request and is not stored', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/', (req, res) => {
      data(req).x = 1;
      if (req.query.sameSite) Object.assign(req.session.cookie, req.query);
      res.send(req.sessionID);
    });
  });
  const one = client();
  const { text: id } = await one.get('/');
  expect((await one.get('/?sameSite=sometimes')).status).toBe(500);
  expect(await file.redis.hexists(keyOf(id), '@cookie')).toBe(0);
  expect((await one.get('/')).status).toBe(200);
});

test('a cookie attribute that was set to null stays omitted, and the cookie is not sent again', async () => {
  const { client } = await serveSessions({ redis: file.redis, rolling: false }, (app) => {
    app.get('/set', (req, res) => {
      data(req).x = 1;
      Object.assign(req.session.cookie, { sameSite: null });
      res.end();
    });
    app.get('/show', (req, res) => void res.json(data(req).x));
  });
  const one = client();
  expect((await one.get('/set')).cookie).not.toMatch(/SameSite/);
  expect(await one.get('/show')).toMatchObject({ text: '1', cookie: undefined });
});

test('a cookie signed by a removed secret is refused even if cookieParser still accepts it', async () => {
  const routes = (app: Express) => {
    app.get('/set', (req, res) => {
      data(req).x = 1;
      res.end();
    });
    app.get('/show', (req, res) => void res.json(data(req).x ?? null));
  };
  const before = await serveSessions({ redis: file.redis, secret: 'old' }, routes);
  const one = before.client();
  await one.get('/set');
  const after = await serveSessions({ redis: file.redis, secret: 'new' }, routes, (app) => {
    app.use(cookieParser('old'));
  });
  expect((await one.get('/show')).text).toBe('1');
  expect((await after.client(one.cookie).get('/show')).text).toBe('null');
});

test('with cookie.expires all cookies end at that time, and sessions are stored until then', async () => {
  const expires = new Date(Math.ceil(Date.now() / 1000) * 1000 + 600_000);
  const { client } = await serveSessions({ redis: file.redis, cookie: { expires } }, (app) => {
    app.get('/', (req, res) => {
      data(req).x = (data(req).x ?? 0) + 1;
      res.json([req.sessionID, req.session.cookie.expires]);
    });
  });
  const one = client();
  const first = JSON.parse((await one.get('/')).text);
  const second = await one.get('/');
  expect(JSON.parse(second.text)).toEqual([first[0], expires.toISOString()]);
  expect(await file.redis.pttl(keyOf(first[0]))).toBeLessThanOrEqual(601_000);
  expect(await file.redis.hexists(keyOf(first[0]), '@cookie')).toBe(0);
});

test('a request whose target has scheme and host has a session', async () => {
  const { url } = await serveKind('ours', file.redis, {}, (app) => {
    app.get('/', (req, res) => void res.send(typeof req.session));
  });
  const asked = request({ port: new URL(url).port, path: 'http://x.y/' }).end();
  const [answer] = await once(asked, 'response');
  expect(await text(answer)).toBe('object');
});

test("session properties may have the names of Object.prototype's properties", async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/set', (req, res) => {
      data(req).valueOf = 'kept';
      res.end();
    });
    app.get('/show', (req, res) => void res.send(data(req).valueOf));
  });
  const one = client();
  expect((await one.get('/set')).status).toBe(200);
  expect((await one.get('/show')).text).toBe('kept');
});

test('the sessions of a user whose id is a number are listed under the number as text', async () => {
  const { client, sessions } = await serveSessions(
    { redis: file.redis, user: (session) => (session as { userId?: number }).userId },
    (app) => {
      app.get('/', (req, res) => {
        data(req).userId = 7;
        res.end();
      });
    },
  );
  expect((await client().get('/')).status).toBe(200);
  expect(await sessions.list('7')).toHaveLength(1);
});
