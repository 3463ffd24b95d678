import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import request from 'supertest';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createNestApp } from '../../examples/nestjs/create-app.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { launch } from '../support/processes.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let redisServer: TestRedis;
let database: TestDatabase;
let redis: Redis;
let pool: Pool;

beforeAll(async () => {
  [redisServer, database] = await Promise.all([startRedis(), createTestDatabase()]);
  redis = new Redis(redisServer.url);
  pool = new Pool({ connectionString: database.url });
  // `end` does not wait for PostgreSQL, whose last word, when the database is dropped by force, may still arrive.
  pool.on('error', () => {});
});
afterAll(async () => {
  redis.disconnect();
  await pool.end();
  await Promise.all([redisServer.stop(), database.drop()]);
});

const urls = () => ({ redisUrl: redisServer.url, databaseUrl: database.url, sessionSecret: 'a secret' });

async function startNest() {
  const app = await createNestApp(urls());
  await app.listen(0, '127.0.0.1');
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= app.close());
  onTestFinished(close);
  return { url: await app.getUrl(), close };
}

async function signUp(url: string) {
  const client = request.agent(url);
  const email = `${randomUUID()}@example.com`;
  const password = 'a good password';
  const { body } = await client.post('/users').send({ email, name: 'Before', password }).expect(201);
  await client.post('/auth/login').send({ email, password }).expect(200);
  return { client, id: body.id as string };
}

const nameOf = async (url: string, id: string) =>
  (await request(url).get(`/users/${id}`).expect(200)).body.name;

test('a user is read from the cache, and is fresh in every process once an update was answered', async () => {
  const [first, second] = [await startNest(), await startNest()];
  const { client, id } = await signUp(first.url);
  expect(await nameOf(first.url, id)).toBe('Before');
  await eventually('the value is stored', async () => (await redis.exists(`user:${id}`)) === 1);
  expect(JSON.parse((await redis.get(`user:${id}`))!)).toMatchObject({ value: { id, name: 'Before' } });

  await pool.query(`UPDATE users SET name = 'Unheard of' WHERE id = $1`, [id]);
  await expect.poll(() => nameOf(second.url, id)).toBe('Before');

  await client.patch('/users/me').send({ name: 'After' }).expect(200);
  expect(await nameOf(second.url, id)).toBe('After');
  expect(await nameOf(first.url, id)).toBe('After');
});

async function connections(): Promise<number> {
  return ((await redis.client('LIST')) as string).trim().split('\n').length;
}

test('limits, sessions and the cache share one connection, which is closed with the application', async () => {
  const before = await connections();
  const { url, close } = await startNest();
  const { client, id } = await signUp(url);
  const { headers } = await client.get(`/users/${id}`).expect(200);
  expect(headers['ratelimit-policy']).toBe('"default";q=100;w=66');
  expect((await connections()) - before).toBe(1);
  await close();
  await expect.poll(connections).toBe(before);
});

test('bad input, a stranger and a taken email are told what is wrong', async () => {
  const { url } = await startNest();
  const { client, id } = await signUp(url);
  const { email } = (await client.get(`/users/${id}`)).body;
  const taken = { email, name: 'Another', password: 'a good password' };
  await request(url).post('/users').send(taken).expect(409);
  const { body } = await request(url)
    .post('/users')
    .send({ ...taken, email: 'none' })
    .expect(400);
  expect(Object.keys(body.properties)).toEqual(['email']);
  await request(url).get('/users/not-a-uuid').expect(400);
  await request(url).get(`/users/${randomUUID()}`).expect(404);
  await request(url).patch('/users/me').send({ name: 'X' }).expect(401);
});

test('while Redis is frozen users are read from PostgreSQL, and what needs a session is a 503', async () => {
  const { url } = await startNest();
  const { client, id } = await signUp(url);
  redisServer.freeze();
  onTestFinished(() => redisServer.thaw());
  expect(await nameOf(url, id)).toBe('Before');
  const { body } = await client.patch('/users/me').send({ name: 'After' }).expect(503);
  expect(body).toEqual({ statusCode: 503, message: expect.stringMatching(/^Redis is unavailable/) });
});

test('a request in flight when the application closes still has its Redis and its PostgreSQL', async () => {
  const { url, close } = await startNest();
  const { client, id } = await signUp(url);
  const blocker = await pool.connect();
  await blocker.query('BEGIN');
  await blocker.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [id]);
  const update = client
    .patch('/users/me')
    .send({ name: 'After' })
    .then(({ status }) => status);
  await eventually('the update waits for the lock', async () => {
    const { rows } = await pool.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    return rows.length > 0;
  });

  const closed = close();
  await eventually('it stops listening', () =>
    fetch(url).then(
      () => false,
      () => true,
    ),
  );
  await blocker.query('COMMIT');
  blocker.release();
  expect(await update).toBe(200);
  await closed;
  // The mark was taken out: the purge reached Redis.
  expect(await redis.get(`tag:user:${id}`)).not.toMatch(/^!/);
});

test('it runs as the README says, and ends with SIGTERM', async () => {
  const { redisUrl, databaseUrl } = urls();
  const env = { REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, PORT: '0' };
  const child = launch('examples/nestjs/main.ts', { env });
  onTestFinished(() => child.kill());
  await eventually('it listens', () => /listening on http/.test(child.output()), { withinMs: 30_000 });
  const [, port] = /listening on http\S+:(\d+)/.exec(child.output())!;
  await request(`http://127.0.0.1:${port}`).get(`/users/${randomUUID()}`).expect(404);
  await child.kill('SIGTERM');
  expect(await child.exited).toMatchObject({ signal: 'SIGTERM' });
});
