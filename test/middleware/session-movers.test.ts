import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { redisForFile } from './redis-for-file.js';
import { keyOf } from './session-age.js';
import { data, serveSessions } from './session-client.js';
import { KINDS, serveKind } from './session-kinds.js';

const file = redisForFile();

// What code written for express-session does to its sessions, run on both.
describe.each(KINDS)('brought along from express-session: %s', (kind) => {
  test.each(['copy', 'plain', 'prototype'] as const)('req.session.cookie may be set: %s', async (how) => {
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
        res.json([req.session.cookie.originalMaxAge ?? req.session.cookie.maxAge, Object.keys(req.session)]);
      });
      app.get('/show', (req, res) => void res.json(data(req).a ?? null));
    });
    const one = client();
    const { status, text: json } = await one.get('/');
    expect(status).toBe(200);
    expect(JSON.parse(json)).toEqual([5000, expect.arrayContaining(['a', 'cookie'])]);
    expect((await one.get('/show')).text).toBe('1');
  });

  test('after reload the old object can still save', async () => {
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
    // express-session then stores the new object over it.
    expect((await one.get('/show')).text).toBe(kind === 'ours' ? '[1,2]' : '[1,null]');
  });
});

test('destroy of the object before regenerate leaves the new session stored', async () => {
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

test('a request target with scheme and host has a session', async () => {
  const { url } = await serveKind('ours', file.redis, {}, (app) => {
    app.get('/', (req, res) => void res.send(typeof req.session));
  });
  const asked = request({ port: new URL(url).port, path: 'http://x.y/' }).end();
  const [answer] = await once(asked, 'response');
  expect(await text(answer)).toBe('object');
});

test("properties may have the names of Object.prototype's", async () => {
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

test('a user whose id is a number is listed under it as text', async () => {
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
