import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { SessionStore, type SessionStoreOptions } from '../../../src/sessions/session-store.js';
import { hashId } from '../../../src/sessions/stored-session.js';
import { age, keyOf } from '../../middleware/session/support/session-age.js';
import { quiet, redisForFile } from '../../middleware/support/redis-for-file.js';
import { sized } from '../../support/size.js';

const file = redisForFile();
const MINUTE = 60_000;
const ROUNDS = sized({ quick: 30, full: 300 });

const storeWith = (options: Partial<SessionStoreOptions> = {}, redis = file.redis) =>
  new SessionStore(redis, {
    prefix: '',
    timeoutMs: 2_000,
    maxBytes: 1_000,
    absoluteTimeoutMs: 60 * MINUTE,
    ...options,
  });
type Store = ReturnType<typeof storeWith>;

const of = (user: string) => new Map([['@user', user]]);
const login = async (store: Store, user: string) => {
  const id = randomUUID();
  await store.create(id, of(user), 10 * MINUTE);
  return id;
};
const loginExisting = async (store: Store, user: string) => {
  const id = randomUUID();
  await store.create(id, new Map([['cart', '[]']]), 10 * MINUTE);
  return { id, login: () => store.update(id, { set: of(user), deleted: [] }, 10 * MINUTE) };
};
const handles = async (store: Store, user: string) =>
  (await store.users.list(user)).map(({ handle }) => handle);

/** Stores of their own connections, as those of several processes. */
async function withStores(
  count: number,
  options: Partial<SessionStoreOptions>,
  run: (stores: Store[]) => Promise<void>,
) {
  const clients = Array.from({ length: count }, () => connectRedis({ url: file.server.url, logger: quiet }));
  try {
    await run(clients.map((redis) => storeWith(options, redis)));
  } finally {
    await Promise.all(clients.map((redis) => closeRedis(redis)));
  }
}

test('a login that races "log out everywhere" is either ended or listed', async () => {
  await withStores(3, {}, async ([first, second, third]) => {
    let survived = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const user = randomUUID();
      await login(first!, user);
      const existing = await loginExisting(second!, user);
      const [id] = await Promise.all([login(first!, user), existing.login(), third!.users.endAll(user)]);
      const listed = await handles(first!, user);
      for (const one of [id, existing.id]) {
        const stored = await first!.load(one);
        if (stored?.fields.get('@user') !== user) continue;
        survived++;
        expect(listed).toContain(hashId(one));
      }
      await second!.users.endAll(user);
      expect(await handles(first!, user)).toEqual([]);
      expect(await first!.load(id)).toBeUndefined();
    }
    console.info(`${survived} of ${2 * ROUNDS} racing logins survived, all of them listed`);
  });
});

test('an index entry without a session is kept for a minute, because its login may be in progress', async () => {
  const [store, user, id] = [storeWith(), randomUUID(), randomUUID()];
  await store.users.add(user, hashId(id));
  expect(await store.users.endAll(user)).toBe(0);
  expect(await handles(store, user)).toEqual([]);
  await store.create(id, of(user), MINUTE);
  expect(await handles(store, user)).toEqual([hashId(id)]);
  await file.redis.unlink(keyOf(id));
  await file.redis.zincrby(`user-sessions:${user}`, -61_000_000, hashId(id));
  await store.users.list(user);
  expect(await file.redis.exists(`user-sessions:${user}`)).toBe(0);
});

test('maxPerUser ends the oldest login first, and does not count expired sessions', async () => {
  const [store, user] = [storeWith({ maxPerUser: 2 }), randomUUID()];
  const [first, second] = [await login(store, user), await login(store, user)];
  const existing = await loginExisting(store, user);
  await existing.login();
  expect(await handles(store, user)).toEqual([second, existing.id].map(hashId));
  expect(await store.load(first)).toBeUndefined();
  await age(file.redis, existing.id, { seenMs: 10 * MINUTE });
  const last = await login(store, user);
  expect(await handles(store, user)).toEqual([second, last].map(hashId));
});

test('after many logins at once in several processes exactly maxPerUser sessions remain', async () => {
  await withStores(4, { maxPerUser: 3 }, async (stores) => {
    for (let round = 0; round < ROUNDS / 3; round++) {
      const user = randomUUID();
      const existing = await loginExisting(stores[0]!, user);
      const ids = await Promise.all([
        existing.login().then(() => existing.id),
        ...stores.flatMap((store) => [login(store, user), login(store, user)]),
      ]);
      const alive = await Promise.all(ids.map((id) => stores[0]!.load(id)));
      expect(alive.filter((stored) => stored?.fields.get('@user') === user)).toHaveLength(3);
      expect(await handles(stores[1]!, user)).toHaveLength(3);
    }
  });
});

test('a session is ended by its handle, by its own user only', async () => {
  const [store, user] = [storeWith(), randomUUID()];
  const id = await login(store, user);
  expect(await store.users.end('somebody else', hashId(id))).toBe(false);
  expect(await store.users.end(user, 'unknown')).toBe(false);
  expect(await store.load(id)).toBeDefined();
  expect(await store.users.end(user, hashId(id))).toBe(true);
  expect(await store.load(id)).toBeUndefined();
});
