import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { findRedis } from '../../../src/testing/find-program.js';
import { freePort, onFreePort } from '../../../src/testing/free-port.js';
import { type StartRedisOptions, startRedisServer } from '../../../src/testing/redis-server.js';
import { isRunning } from '../../support/system.js';

const startRedis = (options: Partial<StartRedisOptions> = {}) =>
  startRedisServer({ command: findRedis(process.env)!, ...options });

test('listens on 127.0.0.1 alone and writes nothing to disk', async () => {
  const { url, stop } = await startRedis();
  onTestFinished(stop);
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  expect(await client.config('GET', 'bind')).toEqual(['bind', '127.0.0.1']);
  expect(await client.config('GET', 'save')).toEqual(['save', '']);
  expect(await client.config('GET', 'appendonly')).toEqual(['appendonly', 'no']);
});

test('takes further arguments, which win', async () => {
  const { url, stop } = await startRedis({ args: ['--maxmemory', '8mb', '--appendonly', 'yes'] });
  onTestFinished(stop);
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  expect(await client.config('GET', 'maxmemory')).toEqual(['maxmemory', `${8 * 1024 * 1024}`]);
  expect(await client.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
});

test('stop ends it, however often it is called', async () => {
  const { pid, stop } = await startRedis();
  expect(isRunning(pid)).toBe(true);
  await Promise.all([stop(), stop()]);
  expect(isRunning(pid)).toBe(false);
});

test('many start at once, each on a port of its own', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => startRedis()));
  onTestFinished(() => Promise.all(all.map(({ stop }) => stop())).then(() => {}));
  expect(new Set(all.map(({ port }) => port)).size).toBe(8);
});

test('a port that somebody else took first is given up for another', async () => {
  const taken = createServer().listen(await freePort(), '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const { port: takenPort } = taken.address() as { port: number };

  const picks = [takenPort, await freePort()];
  const redis = await onFreePort(
    (port) => startRedis({ port }),
    async () => picks.shift()!,
  );
  onTestFinished(redis.stop);
  expect(redis.port).not.toBe(takenPort);
  expect(picks).toEqual([]);
});

test('an argument that Redis refuses is shown in its own words, and is not tried on another port', async () => {
  const tried: number[] = [];
  const start = (port: number) => {
    tried.push(port);
    return startRedis({ port, args: ['--no-such-setting', '1'] });
  };
  await expect(onFreePort(start)).rejects.toThrow(/no-such-setting/);
  expect(tried).toHaveLength(1);
});
