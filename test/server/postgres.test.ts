import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { DatabaseError, type Pool } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { DatabaseUnavailable, isAway } from '../../server/database-unavailable.js';
import { openPool, pingPostgres } from '../../server/postgres.js';
import { createTestDatabase } from '../support/postgres.js';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

async function testPool() {
  const database = await createTestDatabase();
  cleanup.push(database.drop);
  const warnings: string[] = [];
  const pool = openPool(database.url, { logger: { warn: (_fields, message) => warnings.push(message) } });
  cleanup.push(() => pool.end());
  return { pool, warnings };
}

const show = async (pool: Pool, setting: string) => (await pool.query(`SHOW ${setting}`)).rows[0][setting];

test('a running PostgreSQL answers the ping', async () => {
  const { pool } = await testPool();
  await pingPostgres(pool);
});

test('an idle connection that the server ends is logged and replaced, and the process lives', async () => {
  const { pool, warnings } = await testPool();
  const [{ pid }] = (await pool.query('SELECT pg_backend_pid() AS pid')).rows;
  const killer = openPool(pool.options.connectionString!, { logger: { warn: () => {} } });
  cleanup.push(() => killer.end());
  const lost = once(pool, 'error');
  await killer.query('SELECT pg_terminate_backend($1)', [pid]);
  await lost;
  expect(warnings).toEqual(['an idle PostgreSQL connection was lost']);
  await pingPostgres(pool);
});

test('a statement is ended by the server after five seconds, and the connections tell whose they are', async () => {
  const { pool } = await testPool();
  expect(await show(pool, 'statement_timeout')).toBe('5s');
  expect(await show(pool, 'application_name')).toBe('express-redis-toolkit-sample');
});

test('a server that accepts the connection and says nothing is given up on', async () => {
  const mute = createServer(() => {}).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  cleanup.push(() => mute.close());
  const url = `postgres://nobody@127.0.0.1:${(mute.address() as AddressInfo).port}/nothing`;
  const pool = openPool(url, { logger: { warn: () => {} } });
  cleanup.push(() => pool.end());
  const error = await pingPostgres(pool).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatabaseUnavailable);
  expect((error as DatabaseUnavailable).cause).toMatchObject({ message: expect.stringMatching(/timeout/) });
});

const databaseError = (code: string) => Object.assign(new DatabaseError('x', 1, 'error'), { code });

test.each([
  ['shutting down', databaseError('57P01')],
  ['starting up', databaseError('57P03')],
  ['out of connections', databaseError('53300')],
  ['a standby since a failover', databaseError('25006')],
  ['too slow for the statement', databaseError('57014')],
  ['refusing', Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })],
  ['not in the DNS', Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN', syscall: 'getaddrinfo' })],
  ['gone in mid-query', new Error('Connection terminated unexpectedly')],
])('a PostgreSQL that is %s is away', (_how, error) => {
  expect(isAway(error)).toBe(true);
});

test.each([
  ['a duplicate', databaseError('23505')],
  ['a mistake in the SQL', databaseError('42601')],
  ['a wrong password', databaseError('28P01')],
  ['a bug', new TypeError('Cannot read properties of undefined')],
  ['an argument that Node refuses', Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' })],
])('%s is no PostgreSQL that is away', (_what, error) => {
  expect(isAway(error)).toBe(false);
});
