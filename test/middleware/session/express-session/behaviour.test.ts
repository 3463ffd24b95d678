import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Request, RequestHandler } from 'express';
import { describe, expect, onTestFinished, test } from 'vitest';
import { redisForFile } from '../../support/redis-for-file.js';
import { clientOf, data } from '../support/session-client.js';
import { KINDS, serveKind, sessionsOf } from '../support/session-kinds.js';

const file = redisForFile();

const count: RequestHandler = (req, res) => {
  data(req).count = (data(req).count ?? 0) + 1;
  res.json(data(req).count);
};
const show: RequestHandler = (req, res) => void res.json(data(req)?.count ?? null);

// Users of express-session depend on this behaviour. It runs on both.
describe.each(KINDS)('sessions on %s', (kind) => {
  test('regenerate gives a new cookie even when nothing is written to the new session', async () => {
    const { client } = await serveKind(kind, file.redis, {}, (app) => {
      app.get('/count', count).get('/show', show);
      app.get('/regenerate', (req, res) => void req.session.regenerate(() => res.end()));
    });
    const one = client();
    await one.get('/count');
    const old = one.cookie;
    expect((await one.get('/regenerate')).cookie).toBeDefined();
    expect(one.cookie).not.toBe(old);
    expect((await one.get('/show')).text).toBe('null');
    expect((await client(old).get('/show')).text).toBe('null');
  });

  test('regenerate replaces req.session before it calls back, and the old object stays readable', async () => {
    const { client } = await serveKind(kind, file.redis, {}, (app) => {
      app.get('/', (req, res) => {
        const old = data(req);
        const { id } = req.session;
        old.count = 7;
        void req.session.regenerate(() => {
          const isNew = req.session !== old && req.session.id !== id && req.sessionID === req.session.id;
          res.json({ isNew, old: old.count, oldId: old.id === id, count: data(req).count ?? null });
        });
      });
    });
    expect(JSON.parse((await client().get('/')).text)).toEqual({
      isNew: true,
      old: 7,
      oldId: true,
      count: null,
    });
  });

  test('id and the methods are not enumerable; the cookie is', async () => {
    const { client } = await serveKind(kind, file.redis, {}, (app) => {
      app.get('/', (req, res) => {
        data(req).a = 1;
        const seen: string[] = [];
        for (const name in req.session) seen.push(name);
        res.json([Object.keys(req.session).sort(), seen.sort()]);
      });
    });
    expect(JSON.parse((await client().get('/')).text)).toEqual([
      ['a', 'cookie'],
      ['a', 'cookie'],
    ]);
  });

  test('destroy takes req.session away, and no cookie is sent afterwards', async () => {
    const { client } = await serveKind(kind, file.redis, {}, (app) => {
      app.get('/count', count).get('/show', show);
      app.get('/destroy', (req, res) => {
        void req.session.destroy(() => res.json({ gone: req.session === undefined }));
      });
    });
    const one = client();
    await one.get('/count');
    expect(await one.get('/destroy')).toMatchObject({ text: '{"gone":true}', cookie: undefined });
    expect((await one.get('/show')).text).toBe('null');
  });

  test.each([
    ['delete', 'keep', '1'],
    ['delete', 'destroy', 'null'],
    ['null', 'keep', '1'],
    ['null', 'destroy', 'null'],
  ] as const)('req.session taken away by %s, with unset: %s', async (how, unset, left) => {
    const { client } = await serveKind(kind, file.redis, { unset }, (app) => {
      app.get('/count', count).get('/show', show);
      app.get('/unset', (req, res) => {
        data(req).count = 5;
        if (how === 'delete') delete (req as { session?: unknown }).session;
        else (req as { session: unknown }).session = null;
        res.json(req.session ?? null);
      });
    });
    const one = client();
    await one.get('/count');
    expect(await one.get('/unset')).toMatchObject({ text: 'null', cookie: undefined });
    expect((await one.get('/show')).text).toBe(left);
  });

  test('genid makes the session id', async () => {
    const genid = (req: Request) => `id-${req.query.n}-${Math.random()}`;
    const { client } = await serveKind(kind, file.redis, { genid }, (app) => {
      app.get('/', (req, res) => {
        data(req).count = 1;
        res.send(req.sessionID);
      });
    });
    const { text, cookie } = await client().get('/?n=7');
    expect(text).toMatch(/^id-7-/);
    expect(decodeURIComponent(cookie!)).toContain(`s:${text}.`);
  });

  test('HEAD, 304, errors, and a head written by hand carry the cookie and keep the data', async () => {
    const { client } = await serveKind(kind, file.redis, {}, (app) => {
      app.get('/show', show);
      app.use((req, _res, next) => {
        data(req).count = (data(req).count ?? 0) + 1;
        next();
      });
      app.get('/plain', (_req, res) => void res.send('body'));
      app.get('/cached', (_req, res) => void res.set('ETag', '"x"').send('body'));
      app.get('/error', () => {
        throw new Error('thrown');
      });
      app.get('/head', (_req, res) => void res.writeHead(201, 'Made', { 'X-Own': '1' }).end('x'));
      app.get('/cookies', (_req, res) => {
        res.cookie('own', '1');
        res.end();
      });
    });
    const ask = async (path: string, init?: RequestInit) => {
      const one = client();
      const answer = await one.get(path, init);
      expect((await one.get('/show')).text).toBe('1');
      expect(answer.cookie).toMatch(/^connect\.sid=/);
      return answer;
    };
    expect(await ask('/plain', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
    const condition = { headers: { 'if-none-match': '"x"', 'cache-control': 'max-age=0' } };
    expect(await ask('/cached', condition)).toMatchObject({ status: 304, text: '' });
    expect(await ask('/error')).toMatchObject({ status: 500, text: '{"error":"thrown"}' });
    const head = await ask('/head');
    expect(head.status).toBe(201);
    expect(head.headers.get('x-own')).toBe('1');
    expect((await ask('/cookies')).headers.getSetCookie()).toHaveLength(2);
    expect((await ask('/unknown')).status).toBe(404);
  });

  test("a session works in a server of Node's own, without Express", async () => {
    const sessions = sessionsOf(kind, file.redis);
    const server = createServer((req, res) => {
      sessions(req as never, res as never, () => {
        const session = (req as never as { session: { count?: number } }).session;
        session.count = (session.count ?? 0) + 1;
        res.end(String(session.count));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const one = clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await one.get('/');
    expect((await one.get('/')).text).toBe('2');
  });
});
