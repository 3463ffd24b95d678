import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEMO_PASSWORD } from '../../server/seed.js';
import { startApp } from './start-app.js';

let app: Awaited<ReturnType<typeof startApp>>;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

const newEmail = () => `${randomUUID()}@example.com`;

async function newcomer() {
  const email = newEmail();
  const { client } = await app.loggedIn();
  await client.post('/users').send({ email, name: 'New Comer', password: DEMO_PASSWORD }).expect(201);
  return app.loggedIn(email);
}

const fields = (body: { errors: { field: string }[] }) => body.errors.map(({ field }) => field);

async function allPages(limit: number) {
  const client = app.client();
  const ids: string[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const { body }: { body: { users: { id: string }[]; next: string | null } } = await client
      .get('/users')
      .query({ limit, ...(after && { after }) })
      .expect(200);
    ids.push(...body.users.map(({ id }) => id));
    after = body.next;
  }
  return ids;
}

describe('listing users', () => {
  test('pages hold every user once, in the order in which they were created', async () => {
    const { rows } = await app.pool.query('SELECT id FROM users ORDER BY position');
    expect(await allPages(7)).toEqual(rows.map(({ id }) => id));
  });

  test('a page goes on after its cursor, even when the user that the cursor points to is gone', async () => {
    const { client, user } = await newcomer();
    const last = await newcomer();
    const all = await allPages(100);
    const before = await client.get('/users').query({ limit: all.indexOf(user.id) + 1 });
    expect(before.body.users.at(-1).id).toBe(user.id);
    await client.delete(`/users/${user.id}`).expect(204);
    const after = await client.get('/users').query({ after: before.body.next }).expect(200);
    expect(after.body.users.map(({ id }: { id: string }) => id)).toEqual([last.user.id]);
  });

  test.each([
    ['limit', { limit: '0' }],
    ['limit', { limit: '101' }],
    ['limit', { limit: '1.5' }],
    ['limit', { limit: ['1', '2'] }],
    ['after', { after: 'no cursor' }],
    ['after', { after: '9'.repeat(19) }],
    ['limt', { limt: '5' }],
  ])('a query with a wrong %s is a 400 that names it', async (field, query) => {
    const { body, type } = await app.client().get('/users').query(query).expect(400);
    expect(type).toBe('application/problem+json');
    expect(body).toMatchObject({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      instance: '/users',
    });
    expect(fields(body)).toEqual([field]);
  });
});

describe('one user', () => {
  test('is shown without the password', async () => {
    const { user } = await app.loggedIn();
    const { body } = await app.client().get(`/users/${user.id}`).expect(200);
    expect(Object.keys(body)).toEqual(['id', 'email', 'name', 'createdAt', 'updatedAt']);
  });

  test('an id that nobody has is a 404', async () => {
    const { body, type } = await app.client().get(`/users/${randomUUID()}`).expect(404);
    expect(type).toBe('application/problem+json');
    expect(body).toMatchObject({ status: 404, title: 'Not Found' });
  });

  test('an id that is no UUID is a 400 that names it', async () => {
    const { body } = await app.client().get('/users/1').expect(400);
    expect(fields(body)).toEqual(['id']);
  });
});

describe('who may change users', () => {
  test.each([
    ['post', '/users'],
    ['patch', `/users/${randomUUID()}`],
    ['delete', `/users/${randomUUID()}`],
  ] as const)('%s without a login is a 401', async (method, path) => {
    const { body, headers } = await app.client()[method](path).send({ name: 'X' }).expect(401);
    expect(body).toMatchObject({ status: 401, title: 'Unauthorized' });
    expect(headers['www-authenticate']).toBeDefined();
  });

  test('changing and deleting the record of somebody else is a 403, and does nothing', async () => {
    const { client } = await newcomer();
    const { user } = await app.loggedIn('bob@example.com');
    await client.patch(`/users/${user.id}`).send({ name: 'Mallory' }).expect(403);
    await client.delete(`/users/${user.id}`).expect(403);
    const { rows } = await app.pool.query('SELECT name FROM users WHERE id = $1', [user.id]);
    expect(rows).toEqual([{ name: user.name }]);
  });

  test('changing with an id that is no UUID is a 400 that names it', async () => {
    const { client } = await app.loggedIn();
    const { body } = await client.patch('/users/me').send({ name: 'X' }).expect(400);
    expect(fields(body)).toEqual(['id']);
  });
});

describe('creating a user', () => {
  test('answers 201 with the user and the place of it, and the user can log in', async () => {
    const { client } = await app.loggedIn();
    const input = { email: newEmail(), name: '  Zoë Zhang ', password: 'a good password' };
    const { body, headers } = await client.post('/users').send(input).expect(201);
    expect(body).toMatchObject({ email: input.email, name: 'Zoë Zhang' });
    expect(headers.location).toBe(`/users/${body.id}`);
    expect(JSON.stringify(body)).not.toMatch(/password/);
    await app.loggedIn(input.email, input.password);
  });

  test('without a password makes a user as whom nobody can log in', async () => {
    const { client } = await app.loggedIn();
    const email = newEmail();
    await client.post('/users').send({ email, name: 'Listed Only' }).expect(201);
    await app.client().post('/auth/login').send({ email, password: '' }).expect(401);
  });

  test.each([
    [['email', 'name'], {}],
    [['email'], { email: 'nobody', name: 'X' }],
    [['name'], { email: 'x@example.com', name: ' ' }],
    [['name'], { email: 'x@example.com', name: 'a\u0000b' }],
    [['name'], { email: 'x@example.com', name: 'x'.repeat(101) }],
    [['name'], { email: 'x@example.com', name: 7 }],
    [['password'], { email: 'x@example.com', name: 'X', password: 'short' }],
    [['role', 'id'], { email: 'x@example.com', name: 'X', role: 'admin', id: randomUUID() }],
    [['body'], []],
  ])('names the wrong fields %j in a 400', async (wrong, input) => {
    const { client } = await app.loggedIn();
    const { body, type } = await client.post('/users').send(input).expect(400);
    expect(type).toBe('application/problem+json');
    expect(fields(body)).toEqual(wrong);
    expect(body.errors[0].message).not.toBe('');
  });

  test('an email that is taken, in whatever case, is a 409 that names it', async () => {
    const { client } = await app.loggedIn();
    const { body } = await client.post('/users').send({ email: 'BOB@example.com', name: 'B' }).expect(409);
    expect(body).toMatchObject({ status: 409, title: 'Conflict' });
    expect(fields(body)).toEqual(['email']);
  });
});

describe('changing a user', () => {
  test('changes what is given and nothing else', async () => {
    const { client, user } = await newcomer();
    const { body } = await client.patch(`/users/${user.id}`).send({ name: 'Re Named' }).expect(200);
    expect(body).toMatchObject({ id: user.id, email: user.email, name: 'Re Named' });
    const email = newEmail();
    const again = await client.patch(`/users/${user.id}`).send({ email }).expect(200);
    expect(again.body).toMatchObject({ id: user.id, email, name: 'Re Named' });
  });

  test('to an email that is taken is a 409 that names it', async () => {
    const { client, user } = await newcomer();
    const { body } = await client.patch(`/users/${user.id}`).send({ email: 'Bob@Example.com' }).expect(409);
    expect(fields(body)).toEqual(['email']);
  });

  test.each([
    ['body', {}],
    ['password', { password: 'another password' }],
    ['email', { email: null }],
  ])('names the wrong %s in a 400', async (field, input) => {
    const { client, user } = await newcomer();
    const { body } = await client.patch(`/users/${user.id}`).send(input).expect(400);
    expect(fields(body)).toEqual([field]);
  });
});

describe('deleting a user', () => {
  test('removes the record and ends all sessions of the user', async () => {
    const { client, user } = await newcomer();
    const elsewhere = await app.loggedIn(user.email);
    await client.delete(`/users/${user.id}`).expect(204);
    await app.client().get(`/users/${user.id}`).expect(404);
    await elsewhere.client.post('/users').send({ email: newEmail(), name: 'X' }).expect(401);
  });
});
