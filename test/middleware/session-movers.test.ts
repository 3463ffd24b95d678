import { describe, expect, test } from 'vitest';
import { redisForFile } from './redis-for-file.js';
import { data } from './session-client.js';
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
    const { status, text } = await one.get('/');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual([5000, expect.arrayContaining(['a', 'cookie'])]);
    expect((await one.get('/show')).text).toBe('1');
  });
});
