import { expect, test } from 'vitest';
import { gate, redisForFile } from '../../support/redis-for-file.js';
import { age, keyOf } from '../support/session-age.js';
import { clientOf } from '../support/session-client.js';
import { at, serveNew, serveOld, shown } from './support/both-apps.js';
import { MAX_AGE_MS } from './support/moving-app.js';

const file = redisForFile();
const ROT13 = (text: string) =>
  text.replace(/[a-z]/gi, (letter) => {
    const first = letter <= 'Z' ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - first + 13) % 26) + first);
  });
const serializer = {
  stringify: (session: object) => ROT13(JSON.stringify(session)),
  parse: (text: string): unknown => JSON.parse(ROT13(text)),
};
let users = 0;

async function mirrored() {
  const old = await serveOld(file.server.url);
  const [one, other] = [
    await serveNew(file.redis, { adopt: { mirror: true } }),
    await serveNew(file.redis, { adopt: { mirror: true } }),
  ];
  return { old, one, other };
}

test('with adopt.mirror the old application finds sessions and changes of the new one', async () => {
  const { old, one } = await mirrored();
  const browser = clientOf(one.url);
  const { text: id } = await browser.get('/login?user=u');
  await browser.get('/set/theme?value=dark');
  expect(await shown(at(old, browser))).toEqual({ user: 'u', theme: 'dark' });
  expect((await at(old, browser).get('/life')).text).toBe(String(MAX_AGE_MS));
  expect(await file.redis.pttl(`sess:${id}`)).toBeGreaterThan(MAX_AGE_MS - 10_000);
});

test('without adopt.mirror the old application does not find sessions of the new one', async () => {
  const old = await serveOld(file.server.url);
  const browser = clientOf((await serveNew(file.redis)).url);
  await browser.get('/login?user=u');
  expect(await shown(at(old, browser))).toEqual({});
});

test('adopt.mirror writes with the custom serializer of the old application', async () => {
  const old = await serveOld(file.server.url, { serializer });
  const adopt = {
    mirror: true,
    deserialize: serializer.parse,
    serialize: async (session: object) => serializer.stringify(session),
  };
  const browser = clientOf((await serveNew(file.redis, { adopt })).url);
  await browser.get('/login?user=u');
  expect(await shown(at(old, browser))).toEqual({ user: 'u' });
});

test('an adopt.serialize that returns no text fails the request with an error that names it', async () => {
  const adopt = { mirror: true, serialize: (() => 7) as never };
  const browser = clientOf((await serveNew(file.redis, { adopt })).url);
  expect((await browser.get('/set/a')).text).toContain('OPTION_INVALID');
});

test('the mirrored copy holds all changes of requests that ran at the same time on two servers', async () => {
  const { old, one, other } = await mirrored();
  const browser = clientOf(one.url);
  await browser.get('/login?user=u');
  const names = Array.from({ length: 30 }, (_, n) => `p${n}`);
  await Promise.all(names.map((name, n) => at([one, other][n % 2]!.url, browser).get(`/set/${name}`)));
  const changes = Object.fromEntries(names.map((name) => [name, '1']));
  expect(await shown(at(old, browser))).toEqual({ user: 'u', ...changes });
});

test('a logout at the new application ends the mirrored copy, and one at the old application ends ours', async () => {
  const { old, one, other } = await mirrored();
  const [here, there] = [clientOf(one.url), clientOf(one.url)];
  for (const browser of [here, there]) await browser.get('/login?user=u');
  await at(other.url, here).get('/logout');
  await at(old, there).get('/logout');
  for (const browser of [here, there]) {
    for (const url of [old, one.url, other.url]) expect(await shown(at(url, browser))).toEqual({});
  }
});

test('a change does not bring a copy back that the old application has ended meanwhile', async () => {
  const { one } = await mirrored();
  const browser = clientOf(one.url);
  const { text: id } = await browser.get('/login?user=u');
  const { url } = await serveNew(file.redis, {
    adopt: { mirror: true },
    user: (session) => {
      // Runs after the session was read and before it is saved.
      void file.redis.del(`sess:${id}`);
      return (session as { user?: string }).user;
    },
  });
  const late = await at(url, browser).get('/set/late');
  expect(late.status).toBe(409);
  expect(await file.redis.exists(`sess:${id}`, keyOf(id))).toBe(0);
});

test('destroyAll ends the mirrored copies', async () => {
  const { old, one, other } = await mirrored();
  const user = `user-${++users}`;
  const browser = clientOf(one.url);
  await browser.get(`/login?user=${user}`);
  expect(await other.sessions.destroyAll(user)).toBe(1);
  for (const url of [old, one.url]) expect(await shown(at(url, browser))).toEqual({});
});

test('a session that was made without adopt.mirror gets a copy at its first change', async () => {
  const { old, one } = await mirrored();
  const browser = clientOf((await serveNew(file.redis)).url);
  await browser.get('/login?user=u');
  await at(one.url, browser).get('/set/theme?value=dark');
  expect(await shown(at(old, browser))).toEqual({ user: 'u', theme: 'dark' });
  await at(old, browser).get('/logout');
  expect(await shown(at(one.url, browser))).toEqual({});
});

test('a session that is only read keeps its mirrored copy alive', async () => {
  const { one } = await mirrored();
  const browser = clientOf(one.url);
  const { text: id } = await browser.get('/login?user=u');
  await age(file.redis, id, { seenMs: MAX_AGE_MS / 2 });
  await file.redis.pexpire(`sess:${id}`, MAX_AGE_MS / 2);
  // Another process: this one knows that the session need not slide yet.
  const fresh = await serveNew(file.redis, { adopt: { mirror: true } });
  for (let i = 0; i < 2; i++) await at(fresh.url, browser).get('/show');
  expect(await file.redis.pttl(`sess:${id}`)).toBeGreaterThan(MAX_AGE_MS - 10_000);
});

/** A server whose next copy is written only when the test says so. */
async function slowWriter() {
  const [begun, released] = [gate(), gate()];
  const serialize = async (session: object) => {
    begun.open();
    await released.passed;
    return JSON.stringify(session);
  };
  const { url } = await serveNew(file.redis, { adopt: { mirror: true, serialize } });
  return { url, begun, released };
}

test('an older state that is written late does not replace a newer one in the mirrored copy', async () => {
  const { old, one } = await mirrored();
  const slow = await slowWriter();
  const browser = clientOf(one.url);
  await browser.get('/login?user=u');
  const late = at(slow.url, browser).get('/set/a');
  await slow.begun.passed;
  await browser.get('/set/b');
  slow.released.open();
  await late;
  expect(await shown(at(old, browser))).toEqual({ user: 'u', a: '1', b: '1' });
});

test('a copy that is written while its session ends does not outlive it', async () => {
  const { old, one } = await mirrored();
  const slow = await slowWriter();
  const browser = clientOf((await serveNew(file.redis)).url);
  const { text: id } = await browser.get('/login?user=u');
  const late = at(slow.url, browser).get('/set/a');
  await slow.begun.passed;
  await at(one.url, browser).get('/logout');
  slow.released.open();
  expect((await late).status).toBe(409);
  expect(await file.redis.exists(`sess:${id}`)).toBe(0);
  expect(await shown(at(old, browser))).toEqual({});
});
