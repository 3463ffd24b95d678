import { once } from 'node:events';
import { inspect } from 'node:util';
import type { Request, Response } from 'express';
import { expect, test } from 'vitest';
import { hashId } from '../../../src/sessions/stored-session.js';
import { eventually } from '../../support/eventually.js';
import { gate, redisForFile } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();

const set = (req: Request, res: Response) => {
  Object.assign(data(req), req.query);
  res.json(data(req));
};
const show = (req: Request, res: Response) =>
  res.json({ id: req.sessionID, ...data(req), cookie: undefined });

test('a new session that the application does not write to is not stored and has no cookie', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => app.get('/show', show));
  const answer = await client().get('/show');
  expect(answer.cookie).toBeUndefined();
  const { id } = JSON.parse(answer.text);
  expect(await file.redis.exists(`session:${hashId(id)}`)).toBe(0);
});

test('saveUninitialized stores an empty session, and rolling sends the cookie with each response', async () => {
  const ok = (_req: Request, res: Response) => res.send('ok');
  const uninitialized = { redis: file.redis, saveUninitialized: true };
  const { client: first } = await serveSessions(uninitialized, (app) => app.get('/', ok));
  expect((await first().get('/')).cookie).toMatch(/^connect\.sid=s%3A/);

  const rolling = { redis: file.redis, rolling: true, cookie: { maxAge: 60_000 } };
  const { client } = await serveSessions(rolling, (app) => app.get('/set', set).get('/', ok));
  const one = client();
  expect((await one.get('/')).cookie).toBeUndefined();
  await one.get('/set?a=1');
  expect((await one.get('/')).cookie).toMatch(/Expires=/);
});

test('the next request sees properties that were written, changed deep inside or deleted', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/show', show);
    app.get('/fill', (req, res) => {
      Object.assign(data(req), { cart: { items: [1] }, gone: true, kept: 'yes' });
      res.end();
    });
    app.get('/change', (req, res) => {
      data(req).cart.items.push(2);
      delete data(req).gone;
      res.end();
    });
  });
  const one = client();
  await one.get('/fill');
  await one.get('/change');
  const { id: _, ...stored } = JSON.parse((await one.get('/show')).text);
  expect(stored).toEqual({ cart: { items: [1, 2] }, kept: 'yes' });
});

test.each(['forged', 'unsigned', 'unknown'])('a session id that is %s is never adopted', async (kind) => {
  const { client } = await serveSessions({ redis: file.redis }, (app) =>
    app.get('/set', set).get('/show', show),
  );
  const owner = client();
  await owner.get('/set?mine=1');
  const cookie = owner.cookie;
  const id = decodeURIComponent(cookie.split('=')[1]!).slice(2).split('.')[0]!;
  if (kind === 'unknown') await file.redis.del(`session:${hashId(id)}`);
  const presented = { forged: `${cookie.slice(0, -3)}AAA`, unsigned: `connect.sid=${id}`, unknown: cookie }[
    kind
  ];
  const intruder = client(presented);
  const shown = JSON.parse((await intruder.get('/show')).text);
  expect(shown).toEqual({ id: expect.not.stringMatching(id) });
  const fields = () => file.redis.hgetall(`session:${hashId(id)}`);
  const before = await fields();
  await intruder.get('/set?theirs=1');
  expect(intruder.cookie).not.toBe(presented);
  expect(await fields()).toEqual(before);
});

test('regenerate ends the old session id, and the new session starts empty', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/set', set).get('/show', show);
    app.get('/promise', async (req, res) => {
      const old = data(req);
      await req.session.regenerate();
      data(req).after = old.before;
      res.end();
    });
    app.get('/callback', (req, res, next) => {
      void req.session.regenerate((error) => {
        if (error) return next(error);
        data(req).after = 'callback';
        res.end();
      });
    });
  });
  const one = client();
  await one.get('/set?before=x');
  const old = one.cookie;
  await one.get('/promise');
  expect(one.cookie).not.toBe(old);
  expect(JSON.parse((await one.get('/show')).text)).toMatchObject({ after: 'x' });
  expect(JSON.parse((await client(old).get('/show')).text)).not.toHaveProperty('before');
  await one.get('/callback');
  expect(JSON.parse((await one.get('/show')).text)).toMatchObject({ after: 'callback' });
});

test('the session methods destroy, save and reload take a callback and return a promise', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/set', set).get('/show', show);
    app.get('/save', (req, res, next) => {
      data(req).saved = true;
      void req.session.save(() => {
        void req.session.reload((error) => (error ? next(error) : res.json(data(req))));
      });
    });
    app.get('/reload-nothing', (req, res) => {
      void req.session.reload((error) => res.json({ code: (error as { code: string }).code }));
    });
    app.get('/destroy', (req, res, next) => {
      void req.session.destroy((error) => (error ? next(error) : res.json({ session: req.session ?? null })));
    });
    app.get('/save-late', async (req, res) => {
      const session = data(req);
      await req.session.destroy();
      await session.save().catch((error: { code: string }) => res.json({ code: error.code }));
    });
  });
  expect(JSON.parse((await client().get('/reload-nothing')).text)).toEqual({ code: 'SESSION_NOT_FOUND' });
  const one = client();
  expect(JSON.parse((await one.get('/save')).text)).toMatchObject({ saved: true });
  expect(JSON.parse((await one.get('/destroy')).text)).toEqual({ session: null });
  expect(JSON.parse((await one.get('/show')).text)).not.toHaveProperty('saved');
  await one.get('/set?a=1');
  expect(JSON.parse((await one.get('/save-late')).text)).toEqual({ code: 'SESSION_NOT_FOUND' });
});

test('a save that the handler does not await is done before the response, and only once', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/show', show);
    app.get('/login', (req, res) => {
      data(req).first = 1;
      void req.session.save();
      void req.session.save();
      data(req).second = 2;
      res.redirect('/show');
    });
    app.get('/logout', (req, res) => {
      void req.session.destroy();
      res.end();
    });
  });
  const one = client();
  expect((await one.get('/login')).status).toBe(302);
  expect(JSON.parse((await one.get('/show')).text)).toMatchObject({ first: 1, second: 2 });
  await one.get('/logout');
  expect(JSON.parse((await one.get('/show')).text)).not.toHaveProperty('first');
});

test('req.session = null keeps the stored session, or destroys it with unset: destroy', async () => {
  for (const unset of ['keep', 'destroy'] as const) {
    const { client } = await serveSessions({ redis: file.redis, unset }, (app) => {
      app.get('/set', set).get('/show', show);
      app.get('/unset', (req, res) => {
        req.session = null;
        res.end();
      });
    });
    const one = client();
    await one.get('/set?a=1');
    await one.get('/unset');
    const found = 'a' in JSON.parse((await one.get('/show')).text);
    expect(found).toBe(unset === 'keep');
  }
});

test('the session is saved although the client has disconnected', async () => {
  const [arrived, left] = [gate(), gate()];
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/set', set).get('/show', show);
    app.get('/slow', async (req, res) => {
      arrived.open();
      await Promise.all([left.passed, once(res, 'close')]);
      data(req).late = true;
      res.end();
    });
  });
  const one = client();
  await one.get('/set?a=1');
  const abort = new AbortController();
  const answer = one.get('/slow', { signal: abort.signal }).catch(() => 'aborted');
  await arrived.passed;
  abort.abort();
  expect(await answer).toBe('aborted');
  left.open();
  await eventually(
    'what the handler wrote is stored',
    async () => JSON.parse((await one.get('/show')).text).late === true,
  );
  expect(JSON.parse((await one.get('/show')).text)).toMatchObject({ a: '1', late: true });
});

test('console.log shows the properties and the cookie of a session, and not its id', async () => {
  const { client } = await serveSessions({ redis: file.redis, cookie: { maxAge: 60_000 } }, (app) => {
    app.get('/', (req, res) => {
      Object.assign(data(req), { user: 'ann', cart: { items: [1] } });
      res.json([inspect(req.session), inspect({ deep: { session: req.session } }), req.sessionID]);
    });
  });
  const [shown, nested, id] = JSON.parse((await client().get('/')).text) as string[];
  expect(shown).toMatch(/^Session \{.*originalMaxAge: 60000.*user: 'ann',\s+cart: \{ items: \[ 1 \] \}/s);
  expect(nested).toMatch(/Session \{/);
  expect(shown).not.toContain('Getter');
  expect(`${shown}${nested}`).not.toContain(id);
});
