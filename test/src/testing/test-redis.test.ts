import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import type { ConnectRedisOptions } from '../../../src/redis/connect.js';
import { type TestRedis, testRedis } from '../../../src/testing/test-redis.js';
import { quiet } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis.js';
import { childrenOf, isRunning } from '../../support/system.js';

const shared = inject('redisUrl');

async function clientFor(options: ConnectRedisOptions): Promise<TestRedis> {
  const made = await testRedis({ logger: quiet, ...options });
  onTestFinished(made.stop);
  return made;
}

async function keysOf(prefix: string): Promise<string[]> {
  const client = new Redis(shared);
  onTestFinished(() => client.disconnect());
  return client.keys(`${prefix}*`);
}

test('two clients of testRedis on one server neither see nor reset the keys of each other', async () => {
  const [one, other] = [await clientFor({ url: shared }), await clientFor({ url: shared })];
  await one.redis.set('user:1', 'Ada');
  await other.redis.set('user:1', 'Grace');
  expect(await one.redis.get('user:1')).toBe('Ada');
  await one.reset();
  expect([await one.redis.get('user:1'), await other.redis.get('user:1')]).toEqual([null, 'Grace']);
});

test('stop removes the keys of the client from a shared server', async () => {
  const { redis, prefix, stop } = await testRedis({ url: shared });
  for (let i = 0; i < 2_500; i++) void redis.set(`thing:${i}`, 'x');
  await redis.set('epoch:state:{0}:0', 'x');
  expect(await keysOf(prefix)).toHaveLength(2_501);
  await Promise.all([stop(), stop()]);
  expect(await keysOf(prefix)).toEqual([]);
  expect(redis.status).toBe('end');
});

test('reset leaves the names of the state of Redis, and removes every other key', async () => {
  const { redis, prefix, reset } = await clientFor({ url: shared });
  for (let i = 0; i < 2_500; i++) void redis.set(`thing:${i}`, 'x');
  await redis.set('epoch:state:{0}:0', 'x');
  await reset();
  expect(await keysOf(prefix)).toEqual([`${prefix}epoch:state:{0}:0`]);
});

test('a keyPrefix of the application, special characters included, comes after that of testRedis', async () => {
  const { redis, prefix, reset } = await clientFor({ url: shared, keyPrefix: 'app[1]*:' });
  expect(prefix).toMatch(/^test:\w+:app\[1\]\*:$/);
  await redis.set('user:1', 'Ada');
  expect(await keysOf('test:*:app')).toContain(`${prefix}user:1`);
  await reset();
  expect(await redis.get('user:1')).toBeNull();
});

test('without REDIS_URL testRedis starts a server, and stop ends it', async () => {
  vi.stubEnv('REDIS_URL', undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  const before = childrenOf(process.pid).map(({ pid }) => pid);
  const { redis, stop } = await testRedis();
  const server = childrenOf(process.pid).find(
    ({ pid, command }) => !before.includes(pid) && command.includes('redis-server'),
  );
  expect(await redis.ping()).toBe('PONG');
  expect(isRunning(server!.pid)).toBe(true);
  await stop();
  expect(isRunning(server!.pid)).toBe(false);
});

test('a Redis that does not answer is an error that names it without its password', async () => {
  const failure = testRedis({ url: 'redis://:open-sesame@127.0.0.1:1', logger: quiet });
  await expect(failure).rejects.toMatchObject({ code: 'TEST_REDIS_MISSING' });
  await expect(failure).rejects.toThrow(/^no Redis serves the tests at 127\.0\.0\.1:1: /);
});

test('a Redis that refuses the password is an error at once', async () => {
  const redis = await startRedis({ args: ['--requirepass', 'another'] });
  onTestFinished(() => redis.stop());
  const url = redis.url.replace('//', '//:open-sesame@');
  const error = await testRedis({ url, logger: quiet }).catch((error: Error) => error);
  expect(error).toMatchObject({ code: 'TEST_REDIS_MISSING', cause: { code: 'REDIS_MISCONFIGURED' } });
  expect(String(error)).not.toContain('open-sesame');
});

test('reset waits until a Redis that a test has ended is back', async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const { redis, reset } = await clientFor({ url: server.url });
  await server.kill();
  await eventually('the client has noticed', () => redis.status !== 'ready');
  const resetting = reset();
  await server.restart();
  await resetting;
  expect(await redis.get('user:1')).toBeNull();
});

test('stop does not wait for a Redis that a test has ended', async () => {
  const server = await startRedis();
  const { stop } = await testRedis({ url: server.url, logger: quiet });
  await server.stop();
  const began = performance.now();
  await stop();
  expect(performance.now() - began).toBeLessThan(3_000);
});

test('testRedis says so when fake timers would keep ioredis from connecting', async () => {
  const { nextTick } = process;
  // As Jest's fake timers do. Vitest refuses to, in a process of its own.
  process.nextTick = Object.assign(nextTick.bind(process), { clock: {} });
  const failure = testRedis({ url: shared }).catch((error: Error) => error);
  process.nextTick = nextTick;
  expect(await failure).toMatchObject({ code: 'TEST_REDIS_MISSING' });
  expect(String(await failure)).toContain("doNotFake: ['nextTick']");
});
