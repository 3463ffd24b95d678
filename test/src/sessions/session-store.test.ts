import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { SessionStore } from '../../../src/sessions/session-store.js';
import { hashId } from '../../../src/sessions/stored-session.js';
import { age, keyOf } from '../../middleware/session/support/session-age.js';
import { data, serveSessions } from '../../middleware/session/support/session-client.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';

const file = redisForFile();
const MINUTE = 60_000;
const fields = (values: Record<string, unknown>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));
const change = (values: Record<string, unknown>, deleted: string[] = []) => ({
  set: fields(values),
  deleted,
});

const storeWith = ({ absoluteTimeoutMs = 60 * MINUTE } = {}) =>
  new SessionStore(file.redis, { prefix: '', timeoutMs: 1000, maxBytes: 1000, absoluteTimeoutMs });
test('a read slides the idle expiry once a twentieth of it has passed', async () => {
  const [store, id] = [storeWith(), randomUUID()];
  await store.create(id, fields({}), 10 * MINUTE);
  await age(file.redis, id, { seenMs: MINUTE });
  expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(9 * MINUTE);
  await store.load(id);
  expect(await file.redis.pttl(keyOf(id))).toBeGreaterThan(9.9 * MINUTE);
  await age(file.redis, id, { seenMs: MINUTE / 4 });
  await store.load(id);
  expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(9.75 * MINUTE);
});

test('an idle session expires in Redis', async () => {
  const [store, id] = [storeWith(), randomUUID()];
  await store.create(id, fields({ a: 1 }), 10 * MINUTE);
  await age(file.redis, id, { seenMs: 10 * MINUTE });
  expect(await store.load(id)).toBeUndefined();
  expect(await store.update(id, change({ a: 2 }), 10 * MINUTE)).toBe(false);
  expect(await file.redis.exists(keyOf(id))).toBe(0);
});

test('reads and writes do not keep a session past its absolute expiry', async () => {
  const [store, id] = [storeWith(), randomUUID()];
  await store.create(id, fields({ a: 1 }), 30 * MINUTE);
  await age(file.redis, id, { createdMs: 50 * MINUTE, seenMs: 15 * MINUTE });
  const atMost = 10 * MINUTE;
  expect(await store.load(id)).toBeDefined();
  expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(atMost);
  await store.update(id, change({ a: 2 }), 30 * MINUTE);
  expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(atMost);
});

test('a session past its absolute expiry is refused even if its key still exists', async () => {
  for (const use of ['load', 'update'] as const) {
    const [store, id] = [storeWith(), randomUUID()];
    await store.create(id, fields({ a: 1 }), 30 * MINUTE);
    await age(file.redis, id, { createdMs: 60 * MINUTE });
    await file.redis.hset(keyOf(id), '@meta', '1 2 1800000 1 2', 'a', '1');
    await file.redis.pexpire(keyOf(id), MINUTE);
    expect(await (use === 'load' ? store.load(id) : store.update(id, change({}), MINUTE))).toBeFalsy();
    expect(await file.redis.exists(keyOf(id))).toBe(0);
  }
});

test('an update changes only the properties that it names, and a session without properties lives on', async () => {
  const [store, id] = [storeWith(), randomUUID()];
  await store.create(id, fields({ a: 1, b: 2 }), MINUTE);
  await store.update(id, change({ b: 3, c: 4 }, ['a']), MINUTE);
  expect((await store.load(id))!.fields).toEqual(fields({ b: 3, c: 4 }));
  await store.update(id, change({}, ['b', 'c']), MINUTE);
  expect((await store.load(id))!.fields).toEqual(new Map());
});

test('an id in use is not created again, and a destroyed one is not updated', async () => {
  const [store, id] = [storeWith(), randomUUID()];
  await store.create(id, fields({ a: 1 }), MINUTE);
  expect(await store.create(id, fields({ a: 2 }), MINUTE)).toBe(false);
  expect((await store.load(id))!.fields).toEqual(fields({ a: 1 }));
  await store.destroy(id);
  expect(await store.update(id, change({ a: 3 }), MINUTE)).toBe(false);
  expect(await store.load(id)).toBeUndefined();
});

test("a user's sessions are listed oldest first, and endAll ends all but one", async () => {
  const [store, user] = [storeWith(), randomUUID()];
  const ids = [randomUUID(), randomUUID(), randomUUID()];
  for (const id of ids) await store.create(id, new Map([['@user', user]]), MINUTE);
  await age(file.redis, ids[0]!, { createdMs: 5000 });
  expect(await file.redis.pttl(`user-sessions:${user}`)).toBeGreaterThan(MINUTE);
  const listed = await store.users.list(user);
  expect(listed.map(({ handle }) => handle)).toEqual(ids.map(hashId));
  expect(listed[0]!.createdAt.getTime()).toBeLessThan(listed[0]!.lastSeenAt.getTime());
  expect(await store.users.endAll(user, hashId(ids[2]!))).toBe(2);
  expect((await store.users.list(user)).map(({ handle }) => handle)).toEqual([hashId(ids[2]!)]);
  await store.destroy(ids[2]!, user);
  await expect.poll(() => file.redis.exists(`user-sessions:${user}`)).toBe(0);
});

test('a session that passes to another user leaves the list of its former user', async () => {
  const [first, second] = [randomUUID(), randomUUID()];
  const { client, sessions } = await serveSessions(
    { redis: file.redis, user: (s) => (s as { user?: string }).user },
    (app) => {
      app.get('/login/:user', (req, res) => {
        data(req).user = req.params.user;
        res.end();
      });
      app.get('/logout', (req, res) => void req.session.destroy(() => res.end()));
    },
  );
  const one = client();
  await one.get(`/login/${first}`);
  expect(await sessions.list(first)).toHaveLength(1);
  await one.get(`/login/${second}`);
  expect(await sessions.list(first)).toHaveLength(0);
  expect(await sessions.destroyAll(first)).toBe(0);
  expect(await sessions.list(second)).toHaveLength(1);
  await one.get('/logout');
  await expect.poll(() => file.redis.exists(`user-sessions:${second}`)).toBe(0);
});
