import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../../server/services/postgres.js';
import { isRunning } from '../../support/system.js';

async function query(url: string, sql: string): Promise<Record<string, string>> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}

test('two start at once; stop ends one with its files and leaves the other', async () => {
  const [first, second] = await Promise.all([startPostgres(), startPostgres()]);
  onTestFinished(() => Promise.all([first.stop(), second.stop()]).then(() => {}));
  expect(first.port).not.toBe(second.port);

  const { data_directory: data } = await query(first.url, 'SHOW data_directory');
  expect(existsSync(data!)).toBe(true);
  await first.stop();
  expect(isRunning(first.pid)).toBe(false);
  expect(existsSync(join(data!, '..'))).toBe(false);
  expect(await query(second.url, 'SELECT 1 AS one')).toEqual({ one: 1 });
});

test('it speaks UTF-8, listens on 127.0.0.1 alone, and wants the password', async () => {
  const lines: string[] = [];
  const { url, stop } = await startPostgres({ log: (line) => lines.push(line) });
  onTestFinished(stop);
  expect(await query(url, 'SHOW listen_addresses')).toEqual({ listen_addresses: '127.0.0.1' });
  expect(await query(url, "SELECT lower('ÅÉ') AS lower")).toEqual({ lower: 'åé' });
  const wrong = new URL(url);
  wrong.password = 'wrong';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  expect(lines[0]).toBe('PostgreSQL: creating a cluster …');
  expect(lines.join('\n')).not.toContain(new URL(url).password);
});
