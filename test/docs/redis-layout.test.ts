import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheAside, closeRedis, connectRedis } from '../../index.js';
import { DEMO_PASSWORD } from '../../server/seed.js';
import { keys } from '../../src/keys.js';
import { startApp } from '../routes/start-app.js';
import { commandsOf, openShell, rows } from './support/redis-layout-page.js';

let app: Awaited<ReturnType<typeof startApp>>;
let shell: Awaited<ReturnType<typeof openShell>>;
let redis: ReturnType<typeof connectRedis>;
let cache: ReturnType<typeof cacheAside>;

beforeAll(async () => {
  app = await startApp();
  shell = await openShell(app.redisServer.url);
  redis = connectRedis(app.redisServer.url);
  cache = cacheAside({ redis, timeoutMs: 10_000 });
});
afterAll(async () => {
  await closeRedis(redis);
  await app.stop();
});

const neverLoad = async () => expect.fail('the value was not found in the cache');

/** The page's commands, for another user than the one that it is written for. */
const about = (id: string, commands: string[]) =>
  commands.map((text) => text.replaceAll('user:7', `user:${id}`));

async function someUser() {
  const [row] = (await app.pool.query('SELECT id FROM users ORDER BY random() LIMIT 1')).rows;
  const id = row.id as string;
  const read = async (client = app.client()) => {
    const { headers, body } = await client.get(`/users/${id}`);
    return { isHit: /;\s*hit/.test(headers['cache-status'] ?? ''), name: body.name as string };
  };
  const cached = async () => {
    await read();
    await expect.poll(read).toMatchObject({ isHit: true });
    return (await read()).name;
  };
  /** As a service in another language would: the app hears nothing of it. */
  const rename = async () => {
    const name = `Renamed ${randomUUID()}`;
    await app.pool.query('UPDATE users SET name = $2 WHERE id = $1', [id, name]);
    return name;
  };
  return { id, read, cached, rename };
}

test('a value that the app cached is read by the commands, and is current by the rule', async () => {
  const value = { id: '7', name: 'Grace' };
  await cache.getOrLoad('user:7', async () => value, { ttlSeconds: 60, tags: ['user:7'] });
  const [json, own, byKey, everything, run] = await shell.run(...commandsOf('Read a value'));
  const stored = JSON.parse(json!);
  expect(stored.value).toEqual(value);
  expect(stored.freshUntil).toBeGreaterThan(Date.now());
  const generation = run!.slice('run_id:'.length).slice(0, 12);
  expect(stored.versions).toEqual({
    'user:7': `${own}@${generation}`,
    'key:user:7': `${byKey}@${generation}`,
    '*': `${everything}@${generation}`,
  });
});

test('a value that the commands wrote is what the app finds, until its tag is invalidated by the commands', async () => {
  const options = { ttlSeconds: 60, tags: ['user:7'] };
  await cache.del('user:7');
  await shell.run(...commandsOf('Write a value'));
  expect(await cache.getOrLoad('user:7', neverLoad, options)).toEqual({ id: '7', name: 'Ada' });
  await shell.run(...commandsOf('Invalidate a tag'));
  expect(await cache.getOrLoad('user:7', async () => 'loaded', options)).toBe('loaded');
});

test('a tag invalidated by the commands makes every process of the Express app answer afresh', async () => {
  const user = await someUser();
  const before = await user.cached();
  const name = await user.rename();
  await expect.poll(user.read).toEqual({ isHit: true, name: before });
  const epoch = await redis.get('epoch:invalidation');
  await shell.run(...about(user.id, commandsOf('Invalidate a tag')));
  expect(await user.read(app.clientOfSecond())).toEqual({ isHit: false, name });
  expect((await user.read()).name).toBe(name);
  expect(await user.cached()).toBe(name);
  // Fills whose handler named the tag only while it ran look at this.
  expect(await redis.get('epoch:invalidation')).not.toBe(epoch);
});

test('while the commands have a tag marked nothing is served or stored under it, and all is fresh afterwards', async () => {
  const user = await someUser();
  const [fixMark, ...others] = commandsOf('Change what is cached');
  const [mark, unmark] = about(user.id, [fixMark!.replace('mark=$(fresh)', 'mark=ours'), ...others]);
  await user.cached();
  await shell.run(mark!);
  for (let reads = 0; reads < 3; reads++) expect(await user.read()).toMatchObject({ isHit: false });

  const name = await user.rename();
  // Another service's invalidation leaves our mark in place.
  await shell.run(...about(user.id, commandsOf('Invalidate a tag')));
  for (let reads = 0; reads < 3; reads++) expect(await user.read()).toEqual({ isHit: false, name });
  await shell.run('mark=ours', unmark!);
  expect(await user.cached()).toBe(name);
});

test('each of the keys has a row in the table', () => {
  const made = Object.values(keys()).map((key) => (key as (...parts: string[]) => string)('an:entity', ''));
  const entities = made.map((key) => (key.startsWith('an:') ? '<entity>' : key.split(':')[0]));
  expect(rows.map(({ entity }) => entity)).toEqual(expect.arrayContaining(entities));
});

test('what the app leaves in Redis has the type that the table says, and an expiry', async () => {
  const user = await someUser();
  await user.cached();
  await app
    .client()
    .post('/auth/login')
    .send({ email: 'alice@example.com', password: DEMO_PASSWORD })
    .expect(200);
  await cache.getOrLoad('price:1', async () => 7, { ttlSeconds: 60 });
  const types = new Map(rows.map(({ entity, type }) => [entity, type]));
  const seen = new Set<string>();
  for (const key of await redis.keys('*')) {
    const entity = key.slice(0, key.indexOf(':'));
    const isValue = entity === 'price' || entity === 'user';
    seen.add(entity);
    const [type, expiry] = await Promise.all([redis.type(key), redis.pttl(key)]);
    // What expired since it was listed is no contradiction.
    if (type === 'none' || expiry === -2) continue;
    expect(`${key} ${type}`).toBe(`${key} ${types.get(isValue ? '<entity>' : entity)}`);
    expect(expiry).toBeGreaterThan(0);
  }
  const expected = ['cache', 'epoch', 'price', 'rate', 'session', 'tag', 'user-sessions'];
  expect([...seen]).toEqual(expect.arrayContaining(expected));
});
