import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { DEMO_PASSWORD } from '../../server/seed.js';
import { startApp } from '../routes/start-app.js';
import { eventually } from '../support/eventually.js';

let app: Awaited<ReturnType<typeof startApp>>;
let queries = 0;
beforeAll(async () => {
  app = await startApp();
  app.pool.on('acquire', () => queries++);
});
afterAll(() => app.stop());

/** Somebody logged in, who asks two processes who they are. */
async function somebody(email: string) {
  const login = await app.client().post('/auth/login').send({ email, password: DEMO_PASSWORD }).expect(200);
  const cookie = String(login.headers['set-cookie']![0]).split(';')[0]!;
  const [first, second] = [app.client(), app.clientOfSecond()].map((client) => client.set('Cookie', cookie));
  const me = async (client = first!) => (await client.get('/auth/me').expect(200)).body;
  // A look-up that a busy machine was too slow for goes to the database.
  const costsNoSql = (client = first!) =>
    eventually('an answer without SQL', async () => {
      const before = queries;
      await me(client);
      return queries === before;
    });
  return { user: login.body as { id: string; name: string }, first: first!, second: second!, me, costsNoSql };
}

test('who asks again who they are costs the database nothing, in any process', async () => {
  const { user, first, second, me, costsNoSql } = await somebody('alice@example.com');
  expect(await me()).toEqual(user);
  await costsNoSql(first);
  await costsNoSql(second);
  expect(await me(second)).toEqual(user);
});

test('a change is seen by the next who asks, in every process', async () => {
  const { user, first, second, me, costsNoSql } = await somebody('bob@example.com');
  // PostgreSQL takes the id in either case.
  for (const id of [user.id, user.id.toUpperCase()]) {
    await costsNoSql(first);
    await costsNoSql(second);
    const name = `Bob, in ${id}`;
    await first.patch(`/users/${id}`).send({ name }).expect(200);
    expect((await me(second)).name).toBe(name);
    expect((await me(first)).name).toBe(name);
  }
});

test('a session that outlived its user, as one of a login during the deletion, is nobody at once', async () => {
  const { user, first, second, costsNoSql } = await somebody('carol@example.com');
  await costsNoSql(second);
  const redis = new Redis(app.redisServer.url);
  onTestFinished(() => redis.disconnect());
  const sessions = await redis.keys('session:*');
  for (const key of sessions) await redis.copy(key, `kept:${key}`);
  await first.delete(`/users/${user.id}`).expect(204);
  for (const key of sessions) await redis.rename(`kept:${key}`, key);
  const { body } = await second.get('/auth/me').expect(401);
  expect(body.detail).toBe('The user of this session is gone.');
});
