import { randomBytes } from 'node:crypto';
import { Client, Pool } from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { oneSpelling } from '../../routes/email.js';
import { createAccounts } from '../../server/accounts.js';
import { migrate } from '../../server/migrate.js';
import { createUserRepository } from '../../server/user-repository.js';
import { CHEAP } from '../support/cheap-passwords.js';

// In this locale lower('İ') is 'i', as in most that a distribution or a cloud sets up; the tests' own server has "C".
const name = `test_${randomBytes(8).toString('hex')}`;
const LOCALE = "TEMPLATE template0 ENCODING UTF8 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'";
const PASSWORD = 'correct horse battery staple';
let pool: Pool;

async function administer(sql: string) {
  const client = new Client(inject('databaseUrl'));
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

beforeAll(async () => {
  await administer(`CREATE DATABASE ${name} ${LOCALE}`);
  const url = new URL(inject('databaseUrl'));
  url.pathname = `/${name}`;
  pool = new Pool({ connectionString: url.href });
  await migrate(pool);
  const users = createUserRepository(pool, CHEAP);
  for (const email of ['heidi@example.com', 'kofi@example.com']) {
    await users.create({ email, name: 'Own', password: PASSWORD });
  }
});
afterAll(async () => {
  await pool.end();
  await administer(`DROP DATABASE ${name}`);
});

test('PostgreSQL and the limits write every character of Unicode alike, whatever the locale', async () => {
  const isHalf = (code: number) => code >= 0xd800 && code <= 0xdfff;
  const codes = Array.from({ length: 0x1ffff }, (_, at) => at + 1).filter((code) => !isHalf(code));
  // Of the blanks around an email, which PostgreSQL never sees, there is nothing to compare.
  const characters = codes.map((code) => `a${String.fromCodePoint(code)}a`);
  const { rows } = await pool.query(
    'SELECT array_agg(lower(email COLLATE "C") ORDER BY n) AS lower FROM unnest($1::text[]) WITH ORDINALITY AS e (email, n)',
    [characters],
  );
  expect(rows[0].lower.findIndex((lower: string, at: number) => lower !== oneSpelling(characters[at]!))).toBe(
    -1,
  );
});

test.each([
  ['İ (U+0130) for i', 'he\u0130di@example.com'],
  ['the sign of Kelvin (U+212A) for k', '\u212aofi@example.com'],
  ['a full-width letter', '\uff48eidi@example.com'],
  ['i and a dot above (U+0307)', 'hei\u0307di@example.com'],
])('%s in an email is another person', async (_what, email) => {
  expect(await createAccounts(pool, CHEAP).verify(email, PASSWORD)).toBeUndefined();
});

test('blanks and the case of ASCII letters make no other person', async () => {
  expect(await createAccounts(pool, CHEAP).verify(' HEIDI@Example.com', PASSWORD)).toBeDefined();
});

test('blanks and ASCII capitals make no other spelling, and a second time changes nothing', () => {
  expect(oneSpelling('\u00a0 Ann.O@EXAMPLE.com\n')).toBe('ann.o@example.com');
  for (const email of ['İ@x', 'ẞ@x', 'ΑΣ@x', 'ǅ@x'])
    expect(oneSpelling(oneSpelling(email))).toBe(oneSpelling(email));
});
