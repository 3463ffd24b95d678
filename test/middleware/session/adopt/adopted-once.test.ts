import { expect, test } from 'vitest';
import { redisForFile } from '../../support/redis-for-file.js';
import { keyOf } from '../support/session-age.js';
import { type Client, clientOf } from '../support/session-client.js';
import { at, serveNew, serveOld, shown } from './support/both-apps.js';
import { MAX_AGE_MS } from './support/moving-app.js';

const file = redisForFile();
let users = 0;

/** A browser that has logged in at the old application. */
async function loggedIn(url: string): Promise<{ browser: Client; id: string; user: string }> {
  const browser = clientOf(url);
  const user = `user-${++users}`;
  const { text: id } = await browser.get(`/login?user=${user}`);
  await browser.get('/set/theme?value=dark');
  return { browser, id, user };
}

test('a session of express-session is adopted under the same id and cookie, with all its properties', async () => {
  const old = await serveOld(file.server.url);
  const { url } = await serveNew(file.redis);
  const { browser, id, user } = await loggedIn(old);
  const moved = at(url, browser);
  const answer = await moved.get('/show');
  expect(JSON.parse(answer.text)).toEqual({ user, theme: 'dark' });
  expect(answer.cookie).toBeUndefined();
  expect((await moved.get('/set/seen')).text).toBe(id);
  expect(await shown(moved)).toEqual({ user, theme: 'dark', seen: '1' });
  expect(await file.redis.pttl(keyOf(id))).toBeGreaterThan(MAX_AGE_MS - 10_000);
});

test('the old copy stays as it was, until its own expiry', async () => {
  const old = await serveOld(file.server.url);
  const { url } = await serveNew(file.redis);
  const { browser, id, user } = await loggedIn(old);
  const before = await file.redis.get(`sess:${id}`);
  await at(url, browser).get('/set/theme?value=light');
  expect(await file.redis.get(`sess:${id}`)).toBe(before);
  expect(await file.redis.pttl(`sess:${id}`)).toBeGreaterThan(0);
  expect(await shown(browser)).toEqual({ user, theme: 'dark' });
});

test('with adopt.remove the old copy is deleted, and the session lives on', async () => {
  const old = await serveOld(file.server.url);
  const { url } = await serveNew(file.redis, { adopt: { remove: true } });
  const { browser, id, user } = await loggedIn(old);
  const moved = at(url, browser);
  for (let i = 0; i < 2; i++) expect(await shown(moved)).toEqual({ user, theme: 'dark' });
  expect(await file.redis.exists(`sess:${id}`)).toBe(0);
});

test('many requests that arrive at two servers at the same time adopt a session once and lose no change', async () => {
  const old = await serveOld(file.server.url);
  const servers = [await serveNew(file.redis), await serveNew(file.redis)];
  const { browser, user } = await loggedIn(old);
  const names = Array.from({ length: 20 }, (_, n) => `p${n}`);
  const answers = await Promise.all(
    names.map((name, n) => at(servers[n % 2]!.url, browser).get(`/set/${name}?value=${n}`)),
  );
  expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
  const changes = Object.fromEntries(names.map((name, n) => [name, String(n)]));
  expect(await shown(at(servers[0]!.url, browser))).toEqual({ user, theme: 'dark', ...changes });
  expect(await servers[0]!.sessions.list(user)).toHaveLength(1);
});

test('a session that is ours already is not replaced by an old copy that was saved later', async () => {
  const old = await serveOld(file.server.url);
  const [one, other] = [await serveNew(file.redis), await serveNew(file.redis)];
  const { browser, user } = await loggedIn(old);
  await at(one.url, browser).get('/set/theme?value=light');
  await browser.get('/set/theme?value=old');
  expect(await shown(at(other.url, browser))).toEqual({ user, theme: 'light' });
});

test('an adopted session keeps the maxAge that the old application gave to it', async () => {
  const old = await serveOld(file.server.url, { cookie: { maxAge: 1_234_000 } });
  const { url } = await serveNew(file.redis);
  const { browser, id } = await loggedIn(old);
  expect((await at(url, browser).get('/life')).text).toBe('1234000');
  expect(await file.redis.pttl(keyOf(id))).toBeGreaterThan(1_200_000);
});

test('an old session keeps its maxAge when a cookie function returns another end', async () => {
  const old = await serveOld(file.server.url, { cookie: { maxAge: 1_234_000 } });
  const cookie = () => ({ expires: new Date(Date.now() + 9_000_000) });
  const { url } = await serveNew(file.redis, { cookie });
  const { browser } = await loggedIn(old);
  expect((await at(url, browser).get('/life')).text).toBe('1234000');
});

test('an old session without a maxAge ends after idleTimeoutMs', async () => {
  const old = await serveOld(file.server.url, { cookie: {} });
  const { url } = await serveNew(file.redis, { cookie: {}, idleTimeoutMs: 50_000 });
  const { browser, id, user } = await loggedIn(old);
  expect(await shown(at(url, browser))).toEqual({ user, theme: 'dark' });
  expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(50_000);
});

test('an adopted session that has expired is not adopted again from its old copy', async () => {
  const old = await serveOld(file.server.url);
  const { url } = await serveNew(file.redis);
  const { browser, id } = await loggedIn(old);
  const moved = at(url, browser);
  await moved.get('/show');
  await file.redis.del(keyOf(id));
  expect(await file.redis.exists(`sess:${id}`)).toBe(1);
  expect(await shown(moved)).toEqual({});
});

test('with adopt the cookie is named connect.sid even if it is secure', async () => {
  const { url } = await serveNew(file.redis, { cookie: { secure: true }, proxy: true });
  const secured = clientOf(url);
  await secured.get('/set/a', { headers: { 'x-forwarded-proto': 'https' } });
  expect(secured.cookie).toMatch(/^connect\.sid=/);
});
