import { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Accounts } from '../../routes/auth.js';
import { createAccounts } from '../../server/accounts.js';
import { migrate } from '../../server/migrate.js';
import { hashPassword } from '../../server/password.js';
import { createUserRepository } from '../../server/user-repository.js';
import { createTestDatabase } from '../support/postgres.js';

// A tenth of the server's: a hash still takes most of the time of an answer.
const COST = { N: 2 ** 13, r: 8, p: 1 };
const PASSWORD = 'correct horse battery staple';
const ANN = 'ann@example.com';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let pool: Pool;
let accounts: Accounts;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new Pool({ connectionString: database.url });
  await migrate(pool);
  const users = createUserRepository(pool, COST);
  await users.create({ email: ANN, name: 'Ann', password: PASSWORD });
  await pool.query("INSERT INTO users (email, name) VALUES ('listed@example.com', 'Listed Only')");
  accounts = createAccounts(pool, COST);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('the right password gives the user, without the hash', async () => {
  const user = await accounts.verify(ANN, PASSWORD);
  expect(Object.keys(user!)).toEqual(['id', 'email', 'name', 'createdAt', 'updatedAt']);
  expect(user?.email).toBe(ANN);
});

test('the email may be written in any case', async () => {
  expect(await accounts.verify('Ann@EXAMPLE.com', PASSWORD)).toBeDefined();
});

test.each([
  ['a wrong password', ANN, 'correct horse battery stable'],
  ['an empty password', ANN, ''],
  ['an unknown email', 'nobody@example.com', PASSWORD],
  ['a user without a password', 'listed@example.com', ''],
])('%s gives nobody', async (_what, email, password) => {
  expect(await accounts.verify(email, password)).toBeUndefined();
});

test.each([
  ['an unknown email', 'nobody@example.com'],
  ['a user without a password', 'listed@example.com'],
])('%s costs the time of a hash, so that the time does not tell it apart', async (_what, email) => {
  const known = await fastest(() => accounts.verify(ANN, 'wrong'));
  const other = await fastest(() => accounts.verify(email, 'wrong'));
  expect(other / known).toBeGreaterThan(0.5);
});

test('two hashes of one password differ', async () => {
  expect(await hashPassword(PASSWORD)).not.toBe(await hashPassword(PASSWORD));
});

async function fastest(run: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 10; n++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
