import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { startServices } from '../../../server/services/start-services.js';
import { launch } from '../../support/processes.js';

// Not bundled: it tells which files it has loaded.
const CHILD = join(__dirname, '../../support/services-by-url.ts');

test('brings up both, says so, and stops both', async () => {
  const lines: string[] = [];
  const { redisUrl, databaseUrl, stop } = await startServices({}, (line) => lines.push(line));
  onTestFinished(stop);
  const redis = new Redis(redisUrl, { retryStrategy: null });
  redis.on('error', () => {});
  expect(await redis.ping()).toBe('PONG');
  const postgres = new Client(databaseUrl);
  await postgres.connect();
  await postgres.end();
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^Redis: running on redis:/),
      'PostgreSQL: creating a cluster …',
      expect.stringMatching(/^PostgreSQL: running on postgres:/),
    ]),
  );

  await stop();
  await expect(redis.ping()).rejects.toThrow();
  await expect(new Client(databaseUrl).connect()).rejects.toThrow();
});

test('servers given by URL are used as they are; nothing is started, loaded, said or stopped', async () => {
  const given = { redisUrl: inject('redisUrl'), databaseUrl: inject('databaseUrl') };
  const child = launch(CHILD);
  onTestFinished(() => child.kill());
  expect(await child.call('startAndStop', given)).toEqual({ ...given, lines: [], children: 0, loaded: [] });

  const redis = new Redis(given.redisUrl);
  onTestFinished(() => redis.disconnect());
  expect(await redis.ping()).toBe('PONG');
});

test('when one cannot start, the other is stopped and the reason is given', async () => {
  const child = launch(CHILD, { env: { PATH: '/nowhere' } });
  onTestFinished(() => child.kill());
  await expect(child.call('startAndStop', {})).rejects.toThrow(/Redis is not installed/);
});
