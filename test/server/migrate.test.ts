import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Pool } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../server/migrate.js';
import { createTestDatabase } from '../support/postgres.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let directory: string;
let pools: Pool[];

beforeEach(async () => {
  database = await createTestDatabase();
  directory = await mkdtemp(path.join(tmpdir(), 'migrations-'));
  pools = Array.from({ length: 5 }, () => new Pool({ connectionString: database.url }));
});
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await rm(directory, { recursive: true });
  await database.drop();
});

const file = (name: string, sql: string) => writeFile(path.join(directory, name), sql);
const tables = async () => {
  const { rows } = await pools[0]!.query(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations' ORDER BY tablename",
  );
  return rows.map(({ tablename }) => tablename);
};

test('the server brings its own files, and they make the users table', async () => {
  expect(await migrate(pools[0]!)).toContain('001-create-users.sql');
  expect(await tables()).toEqual(['users']);
});

test('files are applied once, in the order of their numbers', async () => {
  await file('001-first.sql', 'CREATE TABLE first (id int)');
  await migrate(pools[0]!, directory);
  await file('002-second.sql', 'ALTER TABLE first RENAME TO second');
  await file('003-third.sql', 'ALTER TABLE second RENAME TO third');
  expect(await migrate(pools[0]!, directory)).toEqual(['002-second.sql', '003-third.sql']);
  expect(await migrate(pools[0]!, directory)).toEqual([]);
  expect(await tables()).toEqual(['third']);
});

test('of five processes that start together one applies a file, and all go on as soon as it is done', async () => {
  await file('001-slow.sql', 'SELECT pg_sleep(0.2); CREATE TABLE made_once (id int)');
  const seenBy = await Promise.all(
    pools.map(async (pool) => {
      const applied = await migrate(pool, directory);
      await pool.query('SELECT * FROM made_once');
      return { applied: applied.includes('001-slow.sql'), at: performance.now() };
    }),
  );
  expect(seenBy.filter(({ applied }) => applied)).toHaveLength(1);
  const times = seenBy.map(({ at }) => at);
  expect(Math.max(...times) - Math.min(...times)).toBeLessThan(700);
});

test('a file that was changed after it was applied is an error that names it', async () => {
  await file('001-first.sql', 'CREATE TABLE first (id int)');
  await migrate(pools[0]!, directory);
  await file('001-first.sql', 'CREATE TABLE first (id bigint)');
  await expect(migrate(pools[0]!, directory)).rejects.toThrow(/001-first\.sql.*\n.*changed/);
});

test('a file that fails leaves nothing behind, and nothing after it is applied', async () => {
  await file('001-first.sql', 'CREATE TABLE first (id int)');
  await file('002-broken.sql', 'CREATE TABLE half (id int); SELECT 1 / 0');
  await file('003-third.sql', 'CREATE TABLE third (id int)');
  await expect(migrate(pools[0]!, directory)).rejects.toThrow(/broken.*division by zero/);
  expect(await tables()).toEqual(['first']);
});

test('a failed attempt does not keep the next one waiting', async () => {
  await file('001-broken.sql', 'SELECT 1 / 0');
  await expect(migrate(pools[0]!, directory)).rejects.toThrow(/division by zero/);
  await file('001-broken.sql', 'CREATE TABLE mended (id int)');
  await migrate(pools[1]!, directory);
  expect(await tables()).toEqual(['mended']);
});

test('a migration may take longer than the pool gives a query', async () => {
  await file('001-slow.sql', 'SELECT pg_sleep(0.2); CREATE TABLE slow (id int)');
  const hurried = new Pool({ connectionString: database.url, statement_timeout: 50, query_timeout: 50 });
  pools.push(hurried);
  await migrate(hurried, directory);
  expect(await tables()).toEqual(['slow']);
});
