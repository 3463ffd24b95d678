import { join } from 'node:path';
import { Client } from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createTestDatabase } from './postgres.js';
import { forkTypeScript } from './processes.js';
import { isRunning } from './system.js';

const HOLDER = join(__dirname, 'service-holder.ts');

test('a child answers calls, reports errors with their stack, and is killed', async () => {
  const child = await forkTypeScript(HOLDER);
  onTestFinished(() => child.kill());
  expect(await child.call<string>('startKeeper')).toMatch(/express-redis-toolkit-/);
  await expect(child.call('noSuchHandler')).rejects.toThrow(/is not a function[\s\S]* at answer/);
  await child.kill();
  expect(isRunning(child.pid)).toBe(false);
  expect((await child.exited).signal).toBe('SIGKILL');
});

test('a child that ends rejects the calls in flight with what it printed', async () => {
  await expect(forkTypeScript(join(__dirname, 'no-such-file.ts'))).rejects.toThrow(/no-such-file/);
});

test('a test database is empty, its own, and goes when dropped', async () => {
  const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  onTestFinished(other.drop);
  const client = new Client(one.url);
  client.on('error', () => {});
  await client.connect();
  await client.query('CREATE TABLE here (id int)');
  const elsewhere = new Client(other.url);
  await elsewhere.connect();
  await expect(elsewhere.query('SELECT * FROM here')).rejects.toThrow(/does not exist/);
  await elsewhere.end();

  await one.drop();
  const shared = new Client(inject('databaseUrl'));
  await shared.connect();
  const names = await shared.query('SELECT datname FROM pg_database WHERE datname = $1', [client.database]);
  await shared.end();
  expect(names.rows).toEqual([]);
});
