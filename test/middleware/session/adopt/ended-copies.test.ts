import { expect, test } from 'vitest';
import { sessionActions } from '../../../../src/operations/session-actions.js';
import { redisForFile } from '../../support/redis-for-file.js';
import { clientOf } from '../support/session-client.js';
import { at, serveNew, serveOld, shown } from './support/both-apps.js';
import { MAX_AGE_MS } from './support/moving-app.js';

const file = redisForFile();
let users = 0;

async function bothApps() {
  const old = await serveOld(file.server.url);
  const [one, other] = [await serveNew(file.redis), await serveNew(file.redis)];
  const login = async (user = `user-${++users}`) => {
    const browser = clientOf(old);
    const { text: id } = await browser.get(`/login?user=${user}`);
    return { browser, id, user };
  };
  return { old, one, other, login };
}

test('destroy ends both copies, and an old copy that comes back is not adopted', async () => {
  const { one, other, login } = await bothApps();
  const { browser, id } = await login();
  const oldCopy = (await file.redis.get(`sess:${id}`))!;
  await at(one.url, browser).get('/logout');
  expect(await file.redis.exists(`sess:${id}`)).toBe(0);
  expect(await shown(browser)).toEqual({});
  // A request that was still running in an old process stores its session again.
  await file.redis.set(`sess:${id}`, oldCopy, 'PX', MAX_AGE_MS);
  for (const { url } of [one, other]) expect(await shown(at(url, browser))).toEqual({});
});

test('regenerate ends both copies of the session that it replaces', async () => {
  const { one, other, login } = await bothApps();
  const { browser, id } = await login();
  const stolen = clientOf(other.url, browser.cookie);
  const moved = at(one.url, browser);
  await moved.get('/login?user=again');
  expect(await shown(moved)).toEqual({ user: 'again' });
  expect(await file.redis.exists(`sess:${id}`)).toBe(0);
  expect(await shown(stolen)).toEqual({});
});

test('a logout at an old process ends the adopted session at the new ones', async () => {
  const { one, other, login } = await bothApps();
  const { browser, user } = await login();
  const moved = at(one.url, browser);
  expect(await shown(moved)).toEqual({ user });
  await browser.get('/logout');
  for (const { url } of [one, other]) expect(await shown(at(url, browser))).toEqual({});
  expect(await one.sessions.list(user)).toEqual([]);
});

test('destroyAll ends the old copies of adopted sessions too', async () => {
  const { one, other, login } = await bothApps();
  const [first, second] = [await login(), await login(`user-${users}`)];
  for (const { browser } of [first, second]) await at(one.url, browser).get('/show');
  expect(await other.sessions.destroyAll(first.user)).toBe(2);
  for (const { browser, id } of [first, second]) {
    expect(await file.redis.exists(`sess:${id}`)).toBe(0);
    for (const url of [one.url, other.url]) expect(await shown(at(url, browser))).toEqual({});
    expect(await shown(browser)).toEqual({});
  }
});

test('an operator who ends all sessions of a user refuses old copies that no new process has seen', async () => {
  const { one, login } = await bothApps();
  const [ended, other] = [await login(), await login()];
  expect(await sessionActions(file.redis, { prefix: '', timeoutMs: 500 }).end(ended.user)).toBe(0);
  expect(await shown(at(one.url, ended.browser))).toEqual({});
  expect(await shown(at(one.url, other.browser))).toEqual({ user: other.user });
});

test('destroyAll also refuses old copies that no new process has seen, if they were saved before it', async () => {
  const { one, login } = await bothApps();
  const early = await login();
  expect(await one.sessions.destroyAll(early.user)).toBe(0);
  expect(await shown(at(one.url, early.browser))).toEqual({});
  const stamp = Number(await file.redis.get(`user-sessions-ended:${early.user}`));
  // A copy of the same millisecond counts as older.
  while (Date.now() <= stamp) await new Promise(setImmediate);
  const late = await login(early.user);
  expect(await shown(at(one.url, late.browser))).toEqual({ user: early.user });
  const other = await login();
  expect(await shown(at(one.url, other.browser))).toEqual({ user: other.user });
});

test('after destroyAll an old copy that does not tell when it was saved is refused', async () => {
  const { one } = await bothApps();
  const old = await serveOld(file.server.url, { cookie: {} });
  const browser = clientOf(old);
  await browser.get('/login?user=undated');
  await one.sessions.destroyAll('undated');
  expect(await shown(at(one.url, browser))).toEqual({});
});

test('destroy by handle ends both copies of an adopted session', async () => {
  const { one, login } = await bothApps();
  const { browser, id, user } = await login();
  await at(one.url, browser).get('/show');
  const [listed] = await one.sessions.list(user);
  expect(await one.sessions.destroy(user, listed!.handle)).toBe(true);
  expect(await file.redis.exists(`sess:${id}`)).toBe(0);
  expect(await shown(at(one.url, browser))).toEqual({});
});

test('destroyById, and an operator who ends the sessions of a user, end both copies', async () => {
  const { one, other, login } = await bothApps();
  const [byId, byUser] = [await login(), await login()];
  for (const { browser } of [byId, byUser]) await at(one.url, browser).get('/show');
  expect(await other.sessions.destroyById(byId.id)).toBe(true);
  expect(await sessionActions(file.redis, { prefix: '', timeoutMs: 1000 }).end(byUser.user)).toBe(1);
  for (const { browser, id } of [byId, byUser]) {
    expect(await file.redis.exists(`sess:${id}`)).toBe(0);
    for (const { url } of [one, other]) expect(await shown(at(url, browser))).toEqual({});
  }
});

test('an old session that no new process has read can be ended by its id, and is not adopted afterwards', async () => {
  const { one, login } = await bothApps();
  const { browser, id } = await login();
  const oldCopy = (await file.redis.get(`sess:${id}`))!;
  expect(await one.sessions.destroyById(id)).toBe(false);
  await file.redis.set(`sess:${id}`, oldCopy, 'PX', MAX_AGE_MS);
  expect(await shown(at(one.url, browser))).toEqual({});
});
