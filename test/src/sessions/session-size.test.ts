import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { SessionStore } from '../../../src/sessions/session-store.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';

const file = redisForFile();
const MINUTE = 60_000;
const storeWith = (maxBytes: number) =>
  new SessionStore(file.redis, { prefix: '', timeoutMs: 5_000, maxBytes, absoluteTimeoutMs: 60 * MINUTE });
const property = (name: string, bytes: number) => new Map([[name, JSON.stringify('x'.repeat(bytes - 2))]]);

test('many small saves cannot exceed maxBytes together, and a refused save changes nothing', async () => {
  const [store, id] = [storeWith(1_000), randomUUID()];
  const save = (name: string, bytes: number) =>
    store.update(id, { set: property(name, bytes), deleted: [] }, MINUTE);
  await store.create(id, property('first', 295), MINUTE);
  await save('other', 295);
  await save('third', 295);
  await expect(save('fourth', 295)).rejects.toMatchObject({
    code: 'SESSION_TOO_LARGE',
    message: expect.stringMatching(/is 1201 bytes of JSON, more than 1000: .*"fourth"/),
  });
  expect([...(await store.load(id))!.fields.keys()].sort()).toEqual(['first', 'other', 'third']);
  await save('first', 395);
  await expect(save('first', 396)).rejects.toMatchObject({ code: 'SESSION_TOO_LARGE' });
  await store.update(id, { set: property('fourth', 394), deleted: ['first'] }, MINUTE);
  expect([...(await store.load(id))!.fields.keys()].sort()).toEqual(['fourth', 'other', 'third']);
});

test('parallel saves cannot exceed maxBytes', async () => {
  const [store, id] = [storeWith(1_000), randomUUID()];
  await store.create(id, new Map(), MINUTE);
  const saves = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) =>
      store.update(id, { set: property(`p${i}`, 298), deleted: [] }, MINUTE),
    ),
  );
  expect(saves.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
});

test('a session that is too large since maxBytes was lowered may shrink', async () => {
  const id = randomUUID();
  await storeWith(2_000).create(id, new Map([...property('a', 900), ...property('b', 900)]), MINUTE);
  const store = storeWith(500);
  await expect(store.update(id, { set: property('c', 10), deleted: [] }, MINUTE)).rejects.toThrow(/maxBytes/);
  expect(await store.update(id, { set: new Map(), deleted: ['a'] }, MINUTE)).toBe(true);
});

test('ten thousand properties are created, changed and deleted at once', async () => {
  const [store, id] = [storeWith(10_000_000), randomUUID()];
  const many = (value: number) =>
    new Map(Array.from({ length: 10_000 }, (_, i) => [`property${i}`, String(value)]));
  await store.create(id, many(1), MINUTE);
  expect((await store.load(id))!.fields).toEqual(many(1));
  await store.update(id, { set: many(2), deleted: [], loaded: many(1) }, MINUTE);
  expect((await store.load(id))!.fields).toEqual(many(2));
  await store.update(id, { set: new Map([['left', '1']]), deleted: [...many(2).keys()] }, MINUTE);
  expect((await store.load(id))!.fields).toEqual(new Map([['left', '1']]));
});
