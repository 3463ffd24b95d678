import diagnostics from 'node:diagnostics_channel';
import type { Request, RequestHandler, Response } from 'express';
import { expect, onTestFinished, test } from 'vitest';
import type { SessionOptions } from '../../../middleware/session/options.js';
import { gate, redisForFile } from '../support/redis-for-file.js';
import { keyOf } from './support/session-age.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();

function lostChanges(): object[] {
  const seen: object[] = [];
  const note = (message: unknown) => void seen.push(message as object);
  diagnostics.subscribe('express-redis-toolkit:session-lost', note);
  onTestFinished(() => void diagnostics.unsubscribe('express-redis-toolkit:session-lost', note));
  return seen;
}

function recording() {
  const lines: { fields: object; message: string }[] = [];
  const note = (fields: object, message: string) => void lines.push({ fields, message });
  return { lines, logger: { info: note, warn: note, error: note } };
}

/** An app with a route that waits while its session is ended, and a client that is logged in. */
async function serveSlow(slow: (req: Request, res: Response, meanwhile: () => Promise<void>) => unknown) {
  const [arrived, ended] = [gate(), gate()];
  const { lines, logger } = recording();
  const lost = lostChanges();
  const user: SessionOptions['user'] = (session) => (session as { user?: string }).user;
  const { client, sessions } = await serveSessions({ redis: file.redis, user, logger }, (app) => {
    app.get('/login', (req, res) => {
      Object.assign(data(req), { user: `user-${Math.random()}`, count: 1 });
      res.json([req.sessionID, data(req).user]);
    });
    app.get('/logout', (req, res) => void req.session.destroy(() => res.end()));
    app.get('/regenerate', (req, res) => void req.session.regenerate(() => res.end()));
    app.get('/slow', (req, res, next) => {
      const meanwhile = () => {
        arrived.open();
        return ended.passed;
      };
      Promise.resolve(slow(req, res, meanwhile)).catch(next);
    });
  });
  const one = client();
  const [id, name] = JSON.parse((await one.get('/login')).text) as [string, string];
  const during = async (end: () => Promise<unknown>) => {
    const answer = one.get('/slow');
    await arrived.passed;
    await end();
    ended.open();
    return answer;
  };
  const ways: Record<string, () => Promise<unknown>> = {
    'a logout': () => client(one.cookie).get('/logout'),
    'a login': () => client(one.cookie).get('/regenerate'),
    'destroyAll(user)': () => sessions.destroyAll(name),
    expiry: () => file.redis.pexpire(keyOf(id), 0),
  };
  return { ways, during, lines, lost, id, cookie: one.cookie };
}

const WAYS = ['a logout', 'a login', 'destroyAll(user)', 'expiry'];

test.each(WAYS)('a change to a session that %s has ended is answered with 409', async (way) => {
  const { ways, during, lines, lost, id, cookie } = await serveSlow(async (req, res, meanwhile) => {
    data(req).count += 1;
    await meanwhile();
    res.json('stored');
  });
  const answer = await during(ways[way]!);
  expect(answer).toMatchObject({ status: 409, text: '{"error":"SESSION_NOT_FOUND"}', cookie: undefined });
  expect(await file.redis.exists(keyOf(id))).toBe(0);
  expect(JSON.stringify([lines, lost])).not.toContain(id);
  expect(JSON.stringify([lines, lost])).not.toContain(cookie);
});

test.each<[string, RequestHandler]>([
  ['deletes a property', (req) => void delete data(req).count],
  ['changes the lifetime of its cookie', (req) => void Object.assign(req.session.cookie, { maxAge: 60_000 })],
  ['changes its session without reading it before', (req) => void Object.assign(req.session, { other: 1 })],
])('a request that %s is answered with 409 if the session has ended', async (_what, change) => {
  const { ways, during } = await serveSlow(async (req, res, meanwhile) => {
    await meanwhile();
    change(req, res, () => undefined);
    res.redirect('/elsewhere');
  });
  expect(await during(ways['a logout']!)).toMatchObject({ status: 409, cookie: undefined });
});

test.each<[string, RequestHandler]>([
  ['does not read its session', () => undefined],
  ['only reads its session', (req) => void data(req).count],
  ['writes the value that was there', (req) => void Object.assign(req.session, { count: 1 })],
  ['destroys its session', (req) => void req.session.destroy()],
  ['takes its session away', (req) => void Object.assign(req, { session: null })],
])('a request that %s is answered as usual if the session has ended', async (_what, act) => {
  const { ways, during, lines, lost } = await serveSlow(async (req, res, meanwhile) => {
    await meanwhile();
    act(req, res, () => undefined);
    res.send('as usual');
  });
  expect(await during(ways['a logout']!)).toMatchObject({ status: 200, text: 'as usual' });
  expect({ lines, lost }).toEqual({ lines: [], lost: [] });
});

test('a handler that catches the SESSION_NOT_FOUND of save may answer with an error of its own', async () => {
  const { ways, during } = await serveSlow(async (req, res, meanwhile) => {
    data(req).count += 1;
    await meanwhile();
    await req.session.save().catch((error) => res.status(410).json([error.code, error.status]));
  });
  expect(await during(ways['a logout']!)).toMatchObject({ status: 410, text: '["SESSION_NOT_FOUND",409]' });
});

test('a handler that ignores the SESSION_NOT_FOUND of save cannot answer 200', async () => {
  const { ways, during } = await serveSlow(async (req, res, meanwhile) => {
    data(req).count += 1;
    await meanwhile();
    void req.session.save(() => res.send('stored'));
  });
  expect(await during(ways['a logout']!)).toMatchObject({ status: 409 });
});

test.each<[string, (res: Response) => unknown]>([
  ['write', (res) => res.write('begun ')],
  ['flushHeaders', (res) => res.flushHeaders()],
  ['writeHead', (res) => res.writeHead(200).write('begun ')],
])('a change to an ended session after res.%s is logged once and published', async (_how, begin) => {
  const { ways, during, lines, lost, id } = await serveSlow(async (req, res, meanwhile) => {
    void data(req).count;
    begin(res);
    await meanwhile();
    data(req).count += 1;
    res.end('complete');
  });
  const { status, text } = await during(ways['a logout']!);
  expect([status, text.endsWith('complete')]).toEqual([200, true]);
  expect(lines).toEqual([
    { fields: { code: 'SESSION_NOT_FOUND', handle: keyOf(id).slice(8) }, message: expect.any(String) },
  ]);
  expect(lines[0]!.message).toMatch(/session ended.*changes were not stored/);
  expect(lost).toMatchObject([{ handle: keyOf(id).slice(8), reason: 'ended' }]);
});

test.each<[string, RequestHandler]>([
  ['written to', (req) => void Object.assign(req.session, { late: 1 })],
  ['regenerated', (req) => req.session.regenerate()],
  [
    'regenerated and written to',
    (req) => void req.session.regenerate(() => void Object.assign(req.session, { late: 1 })),
  ],
])('a new session that is first %s after the first byte is logged once and published', async (_what, act) => {
  const { lines, logger } = recording();
  const lost = lostChanges();
  const { client } = await serveSessions({ redis: file.redis, logger }, (app) => {
    app.get('/', async (req, res) => {
      res.write('begun ');
      await act(req, res, () => undefined);
      res.end('complete');
    });
  });
  const before = await file.redis.dbsize();
  expect(await client().get('/')).toMatchObject({ status: 200, text: 'begun complete', cookie: undefined });
  expect(await file.redis.dbsize()).toBe(before);
  expect(lines.map(({ fields }) => fields)).toEqual([
    { code: 'SESSION_NOT_FOUND', handle: expect.stringMatching(/^[\w-]{20,}$/) },
  ]);
  expect(lines[0]!.message).toMatch(/response had begun.*cookie/);
  expect(lost).toMatchObject([{ handle: expect.any(String), reason: 'response begun' }]);
});

test('an existing session that is regenerated after the first byte is logged once and published', async () => {
  const { during, lines, lost, id } = await serveSlow(async (req, res, meanwhile) => {
    res.write('begun ');
    await meanwhile();
    await req.session.regenerate();
    res.end('complete');
  });
  expect(await during(() => Promise.resolve())).toMatchObject({ status: 200, text: 'begun complete' });
  expect(await file.redis.exists(keyOf(id))).toBe(0);
  expect([lines.length, lost.length]).toEqual([1, 1]);
});

test('save of a new session after the first byte rejects with SESSION_NOT_FOUND and stores nothing', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/', async (req, res) => {
      res.write('begun ');
      data(req).late = 1;
      const error = await req.session.save().catch((failure) => failure);
      res.end(JSON.stringify([error?.code, error?.message]));
    });
  });
  const before = await file.redis.dbsize();
  expect((await client().get('/')).text).toMatch(/begun \["SESSION_NOT_FOUND",".*response had begun/);
  expect(await file.redis.dbsize()).toBe(before);
});

test('operations that are queued when the handler ends the response still store the new session', async () => {
  const { client } = await serveSessions({ redis: file.redis }, (app) => {
    app.get('/', (req, res) => {
      data(req).first = 1;
      void req.session.save();
      void req.session.regenerate(() => void req.session.save());
      res.send('sent');
    });
    app.get('/show', (req, res) => void res.send(req.sessionID));
  });
  const one = client();
  expect(await one.get('/')).toMatchObject({ status: 200, cookie: expect.any(String) });
  expect(await file.redis.exists(keyOf((await one.get('/show')).text))).toBe(1);
});
