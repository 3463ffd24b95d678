import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { SessionStore } from '../../../src/sessions/session-store.js';
import { age, keyOf } from '../../middleware/session/support/session-age.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';
import { printedSeed, random } from '../../support/random.js';
import { sized } from '../../support/size.js';

const file = redisForFile();
const MINUTE = 60_000;
const IDLE_MS = 20 * MINUTE;

const json = (values: Record<string, unknown>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));
const aProcess = () =>
  new SessionStore(file.redis, {
    prefix: '',
    timeoutMs: 5_000,
    maxBytes: 10_000,
    absoluteTimeoutMs: 60 * MINUTE,
  });
const expiryOf = async (id: string) => Number(await file.redis.call('PEXPIRETIME', keyOf(id)));

async function callsDuring(work: () => Promise<unknown>): Promise<Record<string, number>> {
  await file.redis.config('RESETSTAT');
  await work();
  const stats = await file.redis.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)].map(
    ([, name, count]) => [name, Number(count)] as const,
  );
  return Object.fromEntries(calls.filter(([name]) => !['config', 'info'].includes(name!)));
}

async function aSession(store: SessionStore, values: Record<string, unknown>) {
  const id = randomUUID();
  await store.create(id, json(values), IDLE_MS);
  return id;
}

test('a change of a session that nobody else has changed takes one HGET and one HSET, and its expiry stays', async () => {
  const store = aProcess();
  const id = await aSession(store, { visits: 1, cart: ['a'] });
  // Redis has to know the script.
  await store.update(id, { set: json({ visits: 1 }), deleted: [] }, IDLE_MS);
  const basis = await store.load(id);
  const before = await expiryOf(id);
  const calls = await callsDuring(() =>
    store.update(id, { set: json({ visits: 2 }), deleted: [], basis }, IDLE_MS),
  );
  expect(calls).toEqual({ evalsha: 1, hget: 1, hset: 1 });
  expect(await expiryOf(id)).toBe(before);
  expect((await store.load(id))!.fields).toEqual(json({ visits: 2, cart: ['a'] }));
});

test('a change slides the expiry of a session that was last used longer ago', async () => {
  const store = aProcess();
  const id = await aSession(store, { visits: 1 });
  await store.load(id);
  // As a read of a moment ago found it, which left the expiry as it was.
  await age(file.redis, id, { seenMs: 2 * MINUTE });
  const basis = await store.peek(id);
  const before = await expiryOf(id);
  const calls = await callsDuring(() =>
    store.update(id, { set: json({ visits: 2 }), deleted: [], basis }, IDLE_MS),
  );
  expect(calls).toEqual({ evalsha: 1, hget: 1, hset: 1, pexpireat: 1 });
  expect((await expiryOf(id)) - before).toBeGreaterThan(1.9 * MINUTE);
  expect((await store.peek(id))!.lastSeenAt).toBeGreaterThan(basis!.slidAt + 1.9 * MINUTE);
});

test('a change of a session that was ended since it was read is not written', async () => {
  const store = aProcess();
  const id = await aSession(store, { a: 1 });
  const basis = await store.load(id);
  await store.destroy(id);
  expect(await store.update(id, { set: json({ a: 2 }), deleted: [], basis }, IDLE_MS)).toBe(false);
  expect(await file.redis.exists(keyOf(id))).toBe(0);
});

test('requests that change a session at the same time lose no change', async () => {
  const dice = random(printedSeed('short updates of sessions'));
  const stores = [aProcess(), aProcess()];
  for (let round = 0; round < sized({ quick: 60, full: 1_500 }); round++) {
    const id = await aSession(stores[0]!, { p0: 'x'.repeat(dice.below(20)) });
    const expected = new Map([...(await stores[0]!.load(id))!.fields]);
    const count = 1 + dice.below(4);
    const requests = Array.from({ length: count }, (_, n) => ({ name: `p${n}`, store: dice.pick(stores) }));
    const loaded = await Promise.all(requests.map(({ store }) => store.load(id)));
    await Promise.all(
      requests.map(async ({ name, store }, n) => {
        const value = 'y'.repeat(dice.below(20));
        const isDeleted = dice.below(4) === 0;
        if (isDeleted) expected.delete(name);
        else expected.set(name, JSON.stringify(value));
        const changes = isDeleted
          ? { set: json({}), deleted: [name] }
          : { set: json({ [name]: value }), deleted: [] };
        expect(await store.update(id, { ...changes, basis: loaded[n] }, IDLE_MS)).toBe(true);
      }),
    );
    expect((await stores[1]!.load(id))!.fields).toEqual(expected);
    expect(await file.redis.pttl(keyOf(id))).toBeGreaterThan(IDLE_MS - MINUTE);
  }
});

test('the size of a session stays exact when requests change the same properties at the same time', async () => {
  const dice = random(printedSeed('sizes of sessions'));
  const stores = [aProcess(), aProcess()];
  const onlyA = () => ({ a: 'x'.repeat(dice.below(3)) });
  const values = () => ({ ...onlyA(), b: 'x'.repeat(dice.below(3)) });
  for (let round = 0; round < sized({ quick: 200, full: 3_000 }); round++) {
    const id = await aSession(stores[0]!, values());
    const loaded = await Promise.all([0, 1, 0].map((n) => stores[n]!.load(id)));
    await Promise.all(
      loaded.map((basis, n) => {
        const set = json(dice.pick([onlyA, values])());
        return stores[n % 2]!.update(id, { set, deleted: [], basis }, IDLE_MS);
      }),
    );
    const { fields, bytes } = (await stores[1]!.load(id))!;
    expect(bytes).toBe([...fields].reduce((sum, [name, text]) => sum + name.length + text.length, 0));
  }
});

test('a change that would make a session too large is refused, whatever the request has read', async () => {
  const store = aProcess();
  const id = await aSession(store, { a: 'x'.repeat(6_000) });
  const basis = await store.load(id);
  const change = { set: json({ b: 'y'.repeat(6_000) }), deleted: [], basis };
  await expect(store.update(id, change, IDLE_MS)).rejects.toMatchObject({ code: 'SESSION_TOO_LARGE' });
  expect((await store.load(id))!.fields).toEqual(json({ a: 'x'.repeat(6_000) }));
});
