import { expect, test } from 'vitest';
import type { SessionOptions } from '../../../middleware/session/options.js';
import { redisForFile } from '../support/redis-for-file.js';
import { age, keyOf } from './support/session-age.js';
import { type Client, clientOf, data, serveSessions } from './support/session-client.js';

const file = redisForFile();
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** An app as it runs after a deployment, with these options. */
const deploy = (options: Partial<SessionOptions> = {}) =>
  serveSessions({ redis: file.redis, user: (s) => (s as { user?: string }).user, ...options }, (app) => {
    app.get('/login', (req, res) => {
      data(req).user = req.query.user;
      if (req.query.maxAge) req.session.cookie.maxAge = Number(req.query.maxAge);
      res.end(req.sessionID);
    });
    app.get('/user', (req, res) => void res.json(data(req).user ?? null));
    app.get('/reload', async (req, res) => {
      await age(file.redis, req.sessionID, { seenMs: 10 * MINUTE });
      await req.session.reload();
      res.json(data(req).user ?? null);
    });
  });

let users = 0;

/** Logs a user in under the old options. Returns the session's key, and the browser as a client of another app. */
async function loginUnder(options: Partial<SessionOptions>, maxAge = '') {
  const user = `user-${++users}`;
  const { client } = await deploy(options);
  const browser = client();
  const { text: id } = await browser.get(`/login?user=${user}&maxAge=${maxAge}`);
  return { user, id, at: (url: string): Client => clientOf(url, browser.cookie) };
}

const [OLD, NEW] = [HOUR, 10 * MINUTE];
const changes: Record<string, [old: Partial<SessionOptions>, shorter: Partial<SessionOptions>]> = {
  idleTimeoutMs: [{ idleTimeoutMs: OLD }, { idleTimeoutMs: NEW }],
  'cookie.maxAge': [{ cookie: { maxAge: OLD } }, { cookie: { maxAge: NEW } }],
  'cookie.maxAge instead of idleTimeoutMs': [{ idleTimeoutMs: OLD }, { cookie: { maxAge: NEW } }],
};

test.each(Object.entries(changes))(
  'a shorter %s also applies to existing sessions',
  async (_name, [old, shorter]) => {
    const [idle, active] = [await loginUnder(old), await loginUnder(old)];
    await age(file.redis, idle.id, { seenMs: 20 * MINUTE });
    const { url } = await deploy(shorter);
    expect((await idle.at(url).get('/user')).text).toBe('null');
    expect(await file.redis.exists(keyOf(idle.id))).toBe(0);
    expect((await active.at(url).get('/user')).text).toBe(JSON.stringify(active.user));
    expect(await file.redis.pttl(keyOf(active.id))).toBeLessThanOrEqual(NEW);
    expect((await active.at(url).get('/user')).text).toBe(JSON.stringify(active.user));
  },
);

test('a shorter absoluteTimeoutMs also applies to existing sessions', async () => {
  const [old, young] = [await loginUnder({}), await loginUnder({})];
  await age(file.redis, old.id, { createdMs: 20 * MINUTE });
  const { url, sessions } = await deploy({ absoluteTimeoutMs: NEW });
  expect(await sessions.list(old.user)).toEqual([]);
  expect((await old.at(url).get('/user')).text).toBe('null');
  expect((await young.at(url).get('/user')).text).toBe(JSON.stringify(young.user));
  expect(await file.redis.pttl(keyOf(young.id))).toBeLessThanOrEqual(NEW);
});

test('list, and maxPerUser, do not count sessions that a shorter timeout has ended', async () => {
  const { user, id } = await loginUnder({ idleTimeoutMs: OLD });
  await age(file.redis, id, { seenMs: 20 * MINUTE });
  const { sessions, client } = await deploy({ idleTimeoutMs: NEW, maxPerUser: 2 });
  expect(await sessions.list(user)).toEqual([]);
  for (let i = 0; i < 2; i++) await client().get(`/login?user=${user}`);
  expect(await sessions.list(user)).toHaveLength(2);
});

test('the maxAge of a cookie function stays too: the request that created the session decided on it', async () => {
  const { user, id, at } = await loginUnder({ cookie: () => ({ maxAge: OLD }) });
  await age(file.redis, id, { seenMs: 20 * MINUTE });
  const { url } = await deploy({ cookie: () => ({ maxAge: null }), idleTimeoutMs: NEW });
  expect((await at(url).get('/user')).text).toBe(JSON.stringify(user));
  expect(await file.redis.pttl(keyOf(id))).toBeGreaterThan(NEW);
});

test('a shorter idleTimeoutMs applies to existing sessions whose cookie function returned no maxAge', async () => {
  const cookie = () => ({ httpOnly: true });
  const { id, at } = await loginUnder({ cookie, idleTimeoutMs: OLD });
  await age(file.redis, id, { seenMs: 20 * MINUTE });
  const { url } = await deploy({ cookie, idleTimeoutMs: NEW });
  expect((await at(url).get('/user')).text).toBe('null');
});

test('a maxAge that the application gave to one session stays when the options get shorter', async () => {
  const { user, id, at } = await loginUnder({ idleTimeoutMs: OLD }, String(HOUR));
  await age(file.redis, id, { seenMs: 20 * MINUTE });
  const { url, sessions } = await deploy({ idleTimeoutMs: NEW });
  expect(await sessions.list(user)).toHaveLength(1);
  expect((await at(url).get('/user')).text).toBe(JSON.stringify(user));
  expect(await file.redis.pttl(keyOf(id))).toBeGreaterThan(NEW);
});

test('a process that knows a session shortens it again after a process with the old options extended it', async () => {
  const { id, at } = await loginUnder({ idleTimeoutMs: OLD }, String(HOUR));
  const { url } = await deploy({ idleTimeoutMs: NEW });
  await at(url).get('/user');
  // As a process with the old options writes a session whose cookie has no maxAge of its own any more.
  const [created, absolute, , seen, bytes] = (await file.redis.hget(keyOf(id), '@meta'))!.split(' ');
  await file.redis.hdel(keyOf(id), '@cookie');
  await file.redis.hset(keyOf(id), '@meta', [created, absolute, OLD, seen, bytes].join(' '));
  await file.redis.pexpire(keyOf(id), OLD);
  await at(url).get('/user');
  expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(NEW);
});

test('longer timeouts do not extend existing sessions', async () => {
  const { id, at } = await loginUnder({ idleTimeoutMs: NEW, absoluteTimeoutMs: OLD });
  const before = (await file.redis.hget(keyOf(id), '@meta'))!;
  const { url } = await deploy();
  await at(url).get('/user');
  expect(await file.redis.hget(keyOf(id), '@meta')).toBe(before);
});

test('reload does not extend a session', async () => {
  const { user, id, at } = await loginUnder({ idleTimeoutMs: HOUR });
  const { url } = await deploy({ idleTimeoutMs: HOUR });
  expect((await at(url).get('/reload')).text).toBe(JSON.stringify(user));
  expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(50 * MINUTE);
});
