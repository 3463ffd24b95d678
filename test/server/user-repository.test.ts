import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { EmailTakenError, type UserRepository } from '../../routes/user-repository.js';
import { migrate } from '../../server/migrate.js';
import { seed } from '../../server/seed.js';
import { createUserRepository } from '../../server/user-repository.js';
import { CHEAP } from '../support/cheap-passwords.js';
import { createTestDatabase } from '../support/postgres.js';

const password = 'a good password';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let pool: Pool;
let users: UserRepository;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new Pool({ connectionString: database.url });
  await migrate(pool);
  users = createUserRepository(pool, CHEAP);
});
beforeEach(() => pool.query('TRUNCATE users'));
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function walk(limit: number) {
  const emails: string[] = [];
  let after: string | null | undefined;
  do {
    const page = await users.list({ limit, after: after ?? undefined });
    emails.push(...page.users.map(({ email }) => email));
    after = page.next;
  } while (after);
  return emails;
}

test('a created user can be got, with times as ISO 8601', async () => {
  const created = await users.create({ email: 'Ann@Example.com', name: 'Ann', password });
  expect(created).toMatchObject({ email: 'Ann@Example.com', name: 'Ann' });
  expect(new Date(created.createdAt).toISOString()).toBe(created.createdAt);
  expect(await users.get(created.id)).toEqual(created);
});

test('whatever the input holds, it is data: quotes and SQL come back as they went in', async () => {
  const name = `Robert'); DROP TABLE users; -- $1 \\ "`;
  const { id } = await users.create({ email: 'bobby@example.com', name, password });
  expect((await users.get(id))?.name).toBe(name);
});

test('a password is stored as a hash only', async () => {
  await users.create({ email: 'ann@example.com', name: 'Ann', password });
  const { rows } = await pool.query('SELECT * FROM users');
  expect(rows[0].password_hash).toMatch(/^scrypt\$/);
  expect(JSON.stringify(rows)).not.toContain(password);
});

test('an email can be used once, whatever its case, also when two ask at the same moment', async () => {
  const attempts = ['ann@example.com', 'ANN@example.com'].map((email) =>
    users.create({ email, name: 'Ann', password }),
  );
  const results = await Promise.allSettled(attempts);
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused.map(({ reason }) => reason)).toEqual([expect.any(EmailTakenError)]);
});

test('a change to an email that is taken is refused and changes nothing', async () => {
  await users.create({ email: 'ann@example.com', name: 'Ann', password });
  const bob = await users.create({ email: 'bob@example.com', name: 'Bob', password });
  const change = users.patch(bob.id, { email: 'Ann@example.com', name: 'B' });
  await expect(change).rejects.toBeInstanceOf(EmailTakenError);
  expect(await users.get(bob.id)).toEqual(bob);
});

test('a change touches the given fields and the time of the update alone', async () => {
  const ann = await users.create({ email: 'ann@example.com', name: 'Ann', password });
  await pool.query("UPDATE users SET updated_at = '2020-01-01T00:00:00Z'");
  const changed = await users.patch(ann.id, { name: 'Anna' });
  expect(changed).toEqual({ ...ann, name: 'Anna', updatedAt: expect.any(String) });
  expect(Date.parse(changed!.updatedAt)).toBeGreaterThan(Date.parse('2020-01-01T00:00:01Z'));
});

test('two changes of different fields at the same moment both last', async () => {
  const ann = await users.create({ email: 'ann@example.com', name: 'Ann', password });
  await Promise.all([
    users.patch(ann.id, { name: 'Anna' }),
    users.patch(ann.id, { email: 'anna@example.com' }),
  ]);
  expect(await users.get(ann.id)).toMatchObject({ name: 'Anna', email: 'anna@example.com' });
});

test('who does not exist can be neither got, nor changed, nor deleted', async () => {
  const id = randomUUID();
  expect(await users.get(id)).toBeUndefined();
  expect(await users.patch(id, { name: 'X' })).toBeUndefined();
  expect(await users.delete(id)).toBe(false);
});

test('a deleted user is gone, and the email is free', async () => {
  const ann = await users.create({ email: 'ann@example.com', name: 'Ann', password });
  expect(await users.delete(ann.id)).toBe(true);
  expect(await users.get(ann.id)).toBeUndefined();
  await users.create({ email: 'ann@example.com', name: 'Another Ann', password });
});

test('pages of any size hold each user once, also users made in the same instant', async () => {
  await pool.query(
    "INSERT INTO users (email, name) SELECT n || '@example.com', 'N' FROM generate_series(1, 23) n",
  );
  for (const limit of [1, 7, 22, 23, 100]) {
    const emails = await walk(limit);
    expect(emails).toHaveLength(23);
    expect(new Set(emails).size).toBe(23);
  }
});

test('the last full page says that there is no next', async () => {
  await users.create({ email: 'ann@example.com', name: 'Ann', password });
  expect((await users.list({ limit: 1 })).next).toBeNull();
});

test('a user made while somebody pages through comes last, and nobody is skipped for it', async () => {
  await users.create({ email: '1@example.com', name: 'One', password });
  await users.create({ email: '2@example.com', name: 'Two', password });
  const first = await users.list({ limit: 1 });
  await users.create({ email: '3@example.com', name: 'Three', password });
  const rest = await users.list({ limit: 10, after: first.next! });
  expect(rest.users.map(({ name }) => name)).toEqual(['Two', 'Three']);
});

test('the demo users are planted once, however often and by however many', async () => {
  await Promise.all([seed(pool, CHEAP), seed(pool, CHEAP)]);
  await seed(pool, CHEAP);
  const emails = await walk(100);
  expect(emails).toHaveLength(25);
  expect(emails).toContain('alice@example.com');
});
