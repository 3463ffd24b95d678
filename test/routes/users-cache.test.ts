import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp } from './start-app.js';

let app: Awaited<ReturnType<typeof startApp>>;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

type Client = ReturnType<typeof app.client>;

const isHit = (headers: Record<string, string>) => /;\s*hit/.test(headers['cache-status'] ?? '');

async function warm(path: string): Promise<void> {
  await app.client().get(path);
  const { headers } = await app.clientOfSecond().get(path);
  expect(isHit(headers)).toBe(true);
}

const names = async (client: Client) =>
  (await client.get('/users').query({ limit: 100 })).body.users.map(({ name }: { name: string }) => name);

test('a user asked for again is answered from the cache, by any process', async () => {
  const { user } = await app.loggedIn();
  await warm(`/users/${user.id}`);
});

test('what a logged-in user was shown is the same for everybody', async () => {
  const { client, user } = await app.loggedIn('bob@example.com');
  const first = await client.get(`/users/${user.id}`);
  const second = await app.client().get(`/users/${user.id}`);
  expect(isHit(second.headers)).toBe(true);
  expect(second.body).toEqual(first.body);
});

test('a created, a changed and a deleted user are at once so in every list and record, in every process', async () => {
  const path = '/users?limit=100';
  await warm(path);
  const email = `${randomUUID()}@example.com`;
  const input = { email, name: 'First Name', password: 'a good password' };
  const created = await app.client().post('/users').send(input).expect(201);
  expect(await names(app.clientOfSecond())).toContain('First Name');

  const own = `/users/${created.body.id}`;
  const { client } = await app.loggedIn(email, input.password);
  await warm(path);
  await warm(own);
  await client.patch(own).send({ name: 'Second Name' }).expect(200);
  expect((await app.clientOfSecond().get(own)).body.name).toBe('Second Name');
  expect(await names(app.clientOfSecond())).toContain('Second Name');

  await warm(path);
  await warm(own);
  await client.delete(own).expect(204);
  await app.clientOfSecond().get(own).expect(404);
  expect(await names(app.clientOfSecond())).not.toContain('Second Name');
});

test('a record asked for by its id in upper case is fresh after a change as well', async () => {
  const { client, user } = await app.loggedIn('carol@example.com');
  const upper = `/users/${user.id.toUpperCase()}`;
  await warm(upper);
  await client.patch(`/users/${user.id}`).send({ name: 'Carol Changed' }).expect(200);
  expect((await app.client().get(upper)).body.name).toBe('Carol Changed');
  await warm(`/users/${user.id}`);
  await client.patch(upper).send({ name: 'Carol Again' }).expect(200);
  expect((await app.client().get(`/users/${user.id}`)).body.name).toBe('Carol Again');
});

test('a refused change leaves the cached record in place', async () => {
  const { client, user } = await app.loggedIn('dan@example.com');
  await warm(`/users/${user.id}`);
  await client.patch(`/users/${user.id}`).send({ name: '' }).expect(400);
  await app.client().patch(`/users/${user.id}`).send({ name: 'X' }).expect(401);
  const { headers } = await app.client().get(`/users/${user.id}`);
  expect(isHit(headers)).toBe(true);
});
