import type { Pool } from 'pg';
import { hashPassword, type PasswordCost } from './password.js';

export const DEMO_PASSWORD = 'correct horse battery staple';

const NAMES = [
  'Alice Archer',
  'Bob Baker',
  'Carol Chen',
  'Dan Dumont',
  'Erin Edwards',
  'Frank Fischer',
  'Grace Gupta',
  'Heidi Huber',
  'Ivan Ivanov',
  'Judy Jones',
  'Kofi Kamau',
  'Lena Larsen',
  'Mallory Moore',
  'Niaj Noor',
  'Olivia Okafor',
  'Peggy Park',
  'Quentin Quist',
  'Rupert Rossi',
  'Sybil Santos',
  'Trent Tanaka',
  'Uma Usman',
  'Victor Vargas',
  'Wendy Wu',
  'Xavier Ximenes',
  'Yara Yilmaz',
];

/** Adds the demo users that are missing: `alice@example.com` and so on, all with `DEMO_PASSWORD`. For development only. */
export async function seed(pool: Pool, passwordCost?: PasswordCost): Promise<void> {
  const emails = NAMES.map((name) => `${name.split(' ')[0]?.toLowerCase()}@example.com`);
  await pool.query(
    `INSERT INTO users (email, name, password_hash)
     SELECT email, name, $3 FROM unnest($1::text[], $2::text[]) AS demo (email, name)
     ON CONFLICT (lower(email COLLATE "C")) DO NOTHING`,
    [emails, NAMES, await hashPassword(DEMO_PASSWORD, passwordCost)],
  );
}
