import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { withLock } from '../../src/locks/with-lock.js';
import { closeRedis, connectRedis, type RedisClient } from '../../src/redis/connect.js';
import { eventually } from '../support/eventually.js';
import { holdLock } from '../support/lock-holder.js';
import { watchLostTime } from '../support/lost-time.js';
import { startProxy } from '../support/proxy.js';
import { startRedis } from '../support/redis.js';
import { recordingLogger } from './clients.js';

const TTL_MS = 900;

async function scene({ args = [] }: { args?: string[] } = {}) {
  const server = await startRedis({ args });
  const proxy = await startProxy(server.port);
  const logger = recordingLogger();
  const redis = connectRedis({ url: `redis://127.0.0.1:${proxy.port}`, logger });
  onTestFinished(async () => {
    proxy.thaw();
    await closeRedis(redis, { timeoutMs: 100 });
    await proxy.close();
    await server.stop();
  });
  await redis.ping();
  return { server, proxy, redis, logger };
}

const holder = (redis: RedisClient, ttlMs: number) =>
  holdLock(redis, 'r', { ttlMs, timeoutMs: 200, waitMs: 0 });

const away: Record<string, (place: Awaited<ReturnType<typeof scene>>) => unknown> = {
  'is frozen': ({ server }) => server.freeze(),
  'is dead': ({ server }) => server.kill(),
  'takes all and answers nothing': ({ proxy }) => proxy.swallow(),
};

test('while Redis is away the signal of a lock is aborted before its key can expire', async () => {
  const held = await Promise.all(Object.entries(away).map(([what, goAway]) => heldWhile(what, goAway)));
  expect(held.filter(({ ms }) => ms >= TTL_MS)).toEqual([]);
});

async function heldWhile(what: string, goAway: (place: Awaited<ReturnType<typeof scene>>) => unknown) {
  const place = await scene();
  const lost = watchLostTime();
  const beganAt = performance.now();
  const held = await holder(place.redis, TTL_MS);
  const aborted = once(held.signal, 'abort').then(() => performance.now() - beganAt - lost.lostMs());
  await goAway(place);
  const ms = await aborted;
  expect(held.signal.reason).toMatchObject({ code: 'LOCK_LOST', cause: { code: 'REDIS_UNAVAILABLE' } });
  await expect(held.release()).rejects.toBe(held.signal.reason);
  return { what, ms };
}

test('an outage shorter than the remaining time of a lock does not lose the lock', async () => {
  const { proxy, redis, logger, server } = await scene();
  const held = await holder(redis, 3_000);
  proxy.swallow();
  await eventually('a renewal has failed', () => logger.lines.some(({ level }) => level === 'error'));
  proxy.thaw();
  const direct = connectRedis(server.url);
  onTestFinished(() => closeRedis(direct));
  await eventually('it is renewed', async () => (await direct.pttl('lock:r')) > 2_500);
  expect(held.signal.aborted).toBe(false);
  expect(await held.release()).toBe('done');
});

test("when Redis restarts without the lock, the next renewal aborts the holder's signal", async () => {
  const { server, redis } = await scene();
  const held = await holder(redis, 1_500);
  await server.restart();
  const other = connectRedis(server.url);
  onTestFinished(() => closeRedis(other));
  // One Redis without persistence cannot prevent it.
  expect(await withLock(other, 'r', { ttlMs: 1_000 }, () => 'two at once')).toBe('two at once');
  await eventually('it is told', () => held.signal.aborted);
  await expect(held.release()).rejects.toMatchObject({ code: 'LOCK_LOST' });
});

test('a lock survives a restart of a Redis with an append-only file', async () => {
  const { server, redis } = await scene({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const held = await holder(redis, 60_000);
  await server.restart();
  const other = connectRedis(server.url);
  onTestFinished(() => closeRedis(other));
  await eventually('it is back', () => redis.status === 'ready');
  await expect(withLock(other, 'r', { ttlMs: 1_000, waitMs: 0 }, () => 'ran')).rejects.toMatchObject({
    code: 'LOCK_TIMEOUT',
  });
  await eventually('it answers', () =>
    redis.ping().then(
      () => true,
      () => false,
    ),
  );
  expect(await held.release()).toBe('done');
});

test('withLock returns the result when the release gets no answer', async () => {
  const { server, redis } = await scene();
  const held = await holder(redis, 60_000);
  await server.kill();
  expect(await held.release()).toBe('done');
});

test('a lock whose answer took longer than ttlMs is not used', async () => {
  const { proxy, redis, server } = await scene();
  await withLock(redis, 'r', { ttlMs: 1_000 }, () => 'the script is known');
  proxy.delay(100);
  const late = withLock(redis, 'r', { ttlMs: 150, waitMs: 0, timeoutMs: 5_000 }, () => 'ran');
  await expect(late).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
  const direct = connectRedis(server.url);
  onTestFinished(() => closeRedis(direct));
  expect(await direct.exists('lock:r')).toBe(0);
});

test("a function that blocks the event loop past the lock's time has lost the lock", async () => {
  const { redis } = await scene();
  const blocked = withLock(redis, 'r', { ttlMs: 400 }, () => {
    // Redis still has the key, and no timer has had a chance.
    const until = performance.now() + 380;
    while (performance.now() < until);
    return 'done';
  });
  await expect(blocked).rejects.toMatchObject({ code: 'LOCK_LOST' });
});

test('a lost lock is free for others in the same process while the function still runs', async () => {
  const { redis, server } = await scene();
  const held = await holder(redis, 600);
  const next = withLock(redis, 'r', { ttlMs: 60_000 }, () => 'next');
  const direct = connectRedis(server.url);
  onTestFinished(() => closeRedis(direct));
  await direct.del('lock:r');
  expect(await next).toBe('next');
  expect(held.signal.aborted).toBe(true);
  await expect(held.release()).rejects.toMatchObject({ code: 'LOCK_LOST' });
});

test('an error that the function throws after the loss is the cause of LOCK_LOST', async () => {
  const { redis, server } = await scene();
  const direct = connectRedis(server.url);
  onTestFinished(() => closeRedis(direct));
  const failure = new Error('half done');
  const failed = withLock(redis, 'r', { ttlMs: 60_000 }, async () => {
    await direct.del('lock:r');
    throw failure;
  });
  await expect(failed).rejects.toMatchObject({ code: 'LOCK_LOST', cause: failure });
});
