import { randomUUID } from 'node:crypto';
import type { RedisOptions } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { SessionStore } from '../../../src/sessions/session-store.js';
import { age, keyOf } from '../../middleware/session/support/session-age.js';
import { quiet, redisForFile } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { patient } from '../../support/patient.js';

const file = redisForFile();
const MINUTE = 60_000;

const fields = (values: Record<string, unknown>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));

/** A store as each process has one, with a memory of its own. */
const aProcess = ({ redis = file.redis, absoluteTimeoutMs = 60 * MINUTE } = {}) =>
  new SessionStore(redis, { prefix: '', timeoutMs: 1_000, maxBytes: 1_000, absoluteTimeoutMs });
type Store = ReturnType<typeof aProcess>;

/** A session that a process knows, so that it is read by HGETALL from here on. */
async function known(store: Store, idleTimeoutMs: number, values: Record<string, unknown> = { a: 1 }) {
  const id = randomUUID();
  await store.create(id, fields(values), idleTimeoutMs);
  await store.load(id);
  return id;
}

/** How far a read moves a session's expiry. */
async function slideBy(store: Store, id: string): Promise<number> {
  const before = Number(await file.redis.call('PEXPIRETIME', keyOf(id)));
  expect(await store.load(id)).toBeDefined();
  return Number(await file.redis.call('PEXPIRETIME', keyOf(id))) - before;
}

async function scriptCalls(): Promise<number> {
  const stats = await file.redis.info('commandstats');
  return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
}

test('a known session is read without the script until its expiry has to slide', async () => {
  const store = aProcess();
  const id = await known(store, 10 * MINUTE);
  const before = await scriptCalls();
  for (let i = 0; i < 3; i++) expect(await slideBy(store, id)).toBe(0);
  expect(await scriptCalls()).toBe(before);
});

test('the expiry of a known session slides again and again', async () => {
  const store = aProcess();
  const id = await known(store, 10_000);
  // A twentieth of it is half a second.
  for (let n = 0; n < 2; n++) {
    await eventually('its expiry has moved by half a second', async () => (await slideBy(store, id)) >= 500);
  }
});

test('a known session slides at once when it was last seen longer ago than this process expects', async () => {
  const store = aProcess();
  const id = await known(store, 10 * MINUTE);
  await age(file.redis, id, { seenMs: 5 * MINUTE });
  expect(await slideBy(store, id)).toBeGreaterThan(4 * MINUTE);
  expect(await slideBy(store, id)).toBe(0);
});

test('the script and HGETALL read the same session', async () => {
  const store = aProcess();
  const id = randomUUID();
  await store.create(id, fields({ a: 1, '0': 'zero', 'ö x': { deep: ['"'] }, '@user': 'u' }), MINUTE);
  const [first, second] = [await store.load(id), await store.load(id)];
  expect({ ...second, readAt: 0 }).toEqual({ ...first, readAt: 0 });
  expect(second!.fields).toEqual(fields({ a: 1, '0': 'zero', 'ö x': { deep: ['"'] }, '@user': 'u' }));
  expect(Math.abs(second!.readAt - Date.now())).toBeLessThan(5_000);
});

test('a session that another process destroyed is gone for a process that knows it', async () => {
  const store = aProcess();
  const id = await known(store, 10 * MINUTE);
  await aProcess().destroy(id);
  expect(await store.load(id)).toBeUndefined();
});

test('a known session that expired or was overwritten is gone', async () => {
  const store = aProcess();
  const expired = await known(store, 10 * MINUTE);
  await file.redis.pexpire(keyOf(expired), 1);
  await eventually('it is gone', async () => (await store.load(expired)) === undefined);
  const damaged = await known(store, 10 * MINUTE);
  await file.redis.hset(keyOf(damaged), '@meta', 'no times');
  expect(await store.load(damaged)).toBeUndefined();
});

test('a change by another process is read at once', async () => {
  const [store, other] = [aProcess(), aProcess()];
  const id = await known(store, 10 * MINUTE);
  await other.update(id, { set: fields({ b: 2 }), deleted: ['a'] }, 10 * MINUTE);
  expect((await store.load(id))!.fields).toEqual(fields({ b: 2 }));
});

test('a known session slides in time after another process shortened its idle timeout', async () => {
  const [store, other] = [aProcess(), aProcess()];
  const id = await known(store, 24 * 60 * MINUTE);
  // A twentieth of it is over long before the minute that this process reckons with.
  await other.update(id, { set: fields({ '@cookie': { originalMaxAge: 10_000 } }), deleted: [] }, 10_000);
  // A write within the millisecond of the last one counts from the next.
  expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(10_001);
  await eventually('its expiry has moved by half a second', async () => (await slideBy(store, id)) >= 500);
});

test('reads do not keep a known session past its absolute expiry', async () => {
  const store = aProcess({ absoluteTimeoutMs: 2_000 });
  const id = await known(store, MINUTE);
  await eventually('it has ended', async () => {
    expect(await file.redis.pttl(keyOf(id))).toBeLessThanOrEqual(2_000);
    return (await store.load(id)) === undefined;
  });
});

test('a known session past its absolute expiry is refused even if its key still exists', async () => {
  const store = aProcess();
  const id = await known(store, 30 * MINUTE);
  const [created, , idle, seen, bytes] = (await file.redis.hget(keyOf(id), '@meta'))!.split(' ');
  await file.redis.hset(keyOf(id), '@meta', [created, created, idle, seen, bytes].join(' '));
  expect(await store.load(id)).toBeUndefined();
  expect(await file.redis.exists(keyOf(id))).toBe(0);
});

const clients: Record<string, RedisOptions> = {
  RESP2: { protocol: 2 },
  RESP3: { protocol: 3 },
  "RESP3 and replyMapping: 'resp3'": { protocol: 3, replyMapping: 'resp3' },
  'a prefix of its own': { keyPrefix: 'shop:' },
  stringNumbers: { stringNumbers: true },
};

test.each(Object.entries(clients))(
  'a session that is known is read over a client with %s',
  async (_, options) => {
    const redis = patient(connectRedis({ url: file.server.url, logger: quiet, ...options }));
    onTestFinished(() => closeRedis(redis));
    const store = aProcess({ redis });
    const values = { a: 1, '0': 'zero', empty: '', constructor: [], '@user': 'u' };
    const id = await known(store, 10 * MINUTE, values);
    expect(await file.redis.exists((options.keyPrefix ?? '') + keyOf(id))).toBe(1);
    const before = await scriptCalls();
    const { readAt, ...session } = (await store.load(id))!;
    expect(await scriptCalls()).toBe(before);
    expect(session.fields).toEqual(fields(values));
    expect(session.idleTimeoutMs).toBe(10 * MINUTE);
    expect(session.expiresAt - session.createdAt).toBe(60 * MINUTE);
    await store.destroy(id);
    expect(await store.load(id)).toBeUndefined();
  },
);
