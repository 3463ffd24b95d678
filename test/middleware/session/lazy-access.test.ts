import { createHmac } from 'node:crypto';
import type { Express } from 'express';
import { expect, test, vi } from 'vitest';
import { redisForFile } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();

const routes = (app: Express) => {
  app.get('/untouched', (_req, res) => void res.send('ok'));
  app.get('/id', (req, res) => void res.send(req.sessionID));
  app.get('/set', (req, res) => {
    data(req).user = 'u';
    data(req).marker = 'parse me';
    res.end();
  });
  app.get('/show', (req, res) => void res.json(data(req).user ?? null));
};

test('a session that no handler reads costs no id, no JSON.parse and no JSON.stringify', async () => {
  const genid = vi.fn(() => `id-${Math.random()}`);
  const user = vi.fn(() => undefined);
  const { client } = await serveSessions({ redis: file.redis, genid, user }, routes);
  await client().get('/untouched');
  expect(genid).not.toHaveBeenCalled();
  const one = client();
  await one.get('/set');
  const [parse, stringify] = [vi.spyOn(JSON, 'parse'), vi.spyOn(JSON, 'stringify')];
  const calls = () =>
    [...parse.mock.calls, ...stringify.mock.calls].filter(([value]) => String(value).includes('parse me'));
  user.mockClear();
  await one.get('/untouched');
  expect(calls()).toEqual([]);
  expect(user).not.toHaveBeenCalled();
  await one.get('/show');
  expect(calls()).not.toEqual([]);
  vi.restoreAllMocks();
  expect(genid).toHaveBeenCalledTimes(1);
});

test('a cookie signed by an older secret is signed again with the first one, even if no handler reads the session', async () => {
  const before = await serveSessions({ redis: file.redis, secret: 'old' }, routes);
  const during = await serveSessions({ redis: file.redis, secret: ['new', 'old'], resignAfterMs: 0 }, routes);
  const after = await serveSessions({ redis: file.redis, secret: 'new' }, routes);
  const one = before.client();
  await one.get('/set');
  const old = one.cookie;
  const idOf = (cookie: string) => decodeURIComponent(cookie).split('=s:')[1]!.split('.')[0]!;
  for (const path of ['/untouched', '/show']) {
    const moved = during.client(old);
    expect((await moved.get(path)).cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(idOf(moved.cookie)).toBe(idOf(old));
    const mac = createHmac('sha256', 'new').update(idOf(old)).digest('base64').replace(/=+$/, '');
    expect(decodeURIComponent(moved.cookie)).toBe(`connect.sid=s:${idOf(old)}.${mac}`);
    expect((await moved.get(path)).cookie).toBeUndefined();
    expect((await after.client(moved.cookie).get('/show')).text).toBe('"u"');
  }
  expect((await after.client(old).get('/show')).text).toBe('null');
  const unknown = during.client(old.replace(idOf(old), 'somebody'));
  expect((await unknown.get('/untouched')).cookie).toBeUndefined();
});

test('a genid that returns an empty string fails the requests that need an id', async () => {
  const { client } = await serveSessions({ redis: file.redis, genid: () => '' }, routes);
  expect(await client().get('/set')).toMatchObject({ status: 500, text: '{"error":"OPTION_INVALID"}' });
  expect((await client().get('/untouched')).status).toBe(200);
});
