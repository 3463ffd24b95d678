import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEMO_PASSWORD } from '../../server/seed.js';
import { startApp } from './start-app.js';

let app: Awaited<ReturnType<typeof startApp>>;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

const signUp = (input: object) => app.client().post('/users').send(input);
const newEmail = () => `${randomUUID()}@example.com`;

async function newcomer() {
  const email = newEmail();
  await signUp({ email, name: 'New Comer', password: DEMO_PASSWORD }).expect(201);
  return app.loggedIn(email);
}

const VALID = { email: 'x@example.com', name: 'X', password: 'a good password' };

const UNTYPABLE = [
  ['a NUL', '\u0000'],
  ['a control character', '\u0007'],
  ['half a surrogate pair', '\ud800'],
] as const;

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
    expect(body).toMatchObject({
      status: 404,
      title: 'Not Found',
      errors: [{ field: 'id', message: 'belongs to no user' }],
    });
  });

  test('an id that is no UUID is a 400 that names it', async () => {
    const { body } = await app.client().get('/users/1').expect(400);
    expect(fields(body)).toEqual(['id']);
  });
});

describe('who may change users', () => {
  test.each([
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
    const input = { email: newEmail(), name: '  Zoë Zhang ', password: 'a good password' };
    const { body, headers } = await signUp(input).expect(201);
    expect(body).toMatchObject({ email: input.email, name: 'Zoë Zhang' });
    expect(headers.location).toBe(`/users/${body.id}`);
    expect(JSON.stringify(body)).not.toMatch(/password/);
    await app.loggedIn(input.email, input.password);
  });

  test('the twenty-first sign-up from one address within an hour is refused, from another address it is not', async () => {
    const client = app.client();
    for (let n = 0; n < 20; n++) await client.post('/users').send({}).expect(400);
    await client.post('/users').send({}).expect(429);
    await client.get('/users').expect(200);
    await signUp({}).expect(400);
  });

  test.each([
    [['email', 'name', 'password'], {}],
    [['email'], { ...VALID, email: 'nobody' }],
    [['name'], { ...VALID, name: ' ' }],
    [['name'], { ...VALID, name: 'x'.repeat(101) }],
    [['name'], { ...VALID, name: 7 }],
    [['password'], { ...VALID, password: 'short' }],
    [['role', 'id'], { ...VALID, role: 'admin', id: randomUUID() }],
    [['body'], []],
  ])('names the wrong fields %j in a 400', async (wrong, input) => {
    const { body, type } = await signUp(input).expect(400);
    expect(type).toBe('application/problem+json');
    expect(fields(body)).toEqual(wrong);
    expect(body.errors[0].message).not.toBe('');
  });

  test.each(
    ['email', 'name', 'password'].flatMap((field) =>
      UNTYPABLE.map(([what, text]) => [field, what, text] as const),
    ),
  )('%s with %s is a 400 that names it', async (field, _what, text) => {
    const { body } = await signUp({ ...VALID, [field]: VALID[field as keyof typeof VALID] + text }).expect(
      400,
    );
    expect(fields(body)).toEqual([field]);
  });

  test.each([
    ['text/plain', 'text/plain'],
    ['no', ''],
    ['a form', 'application/x-www-form-urlencoded'],
  ])('a body of %s type is a 415 that names the accepted one', async (_what, type) => {
    const post = app.client().post('/users').unset('Content-Type');
    if (type) post.set('Content-Type', type);
    const { body } = await post
      .serialize((sent) => sent)
      .send(JSON.stringify(VALID))
      .expect(415);
    expect(body).toMatchObject({
      status: 415,
      errors: [{ field: 'Content-Type', message: 'must be application/json' }],
    });
  });

  test('no body at all is a 400 that names the body', async () => {
    const { body } = await app.client().post('/users').set('Content-Length', '0').expect(400);
    expect(fields(body)).toEqual(['body']);
  });

  test('an email that is taken, in whatever case, is a 409 that names it', async () => {
    const { body } = await signUp({ ...VALID, email: 'BOB@example.com' }).expect(409);
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
    ['name', { name: 'a\u0000b' }],
    ['name', { name: 'a\ud800b' }],
  ])('names the wrong %s in a 400', async (field, input) => {
    const { client, user } = await newcomer();
    const { body } = await client.patch(`/users/${user.id}`).send(input).expect(400);
    expect(fields(body)).toEqual([field]);
  });

  test('with a body that is not JSON is a 415', async () => {
    const { client, user } = await newcomer();
    await client.patch(`/users/${user.id}`).type('form').send({ name: 'X' }).expect(415);
  });
});

describe('deleting a user', () => {
  test('removes the record and ends all sessions of the user', async () => {
    const { client, user } = await newcomer();
    const elsewhere = await app.loggedIn(user.email);
    await client.delete(`/users/${user.id}`).expect(204);
    await app.client().get(`/users/${user.id}`).expect(404);
    await elsewhere.client.get('/auth/me').expect(401);
  });
});
