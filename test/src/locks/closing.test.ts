import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { LockOptions } from '../../../src/locks/options.js';
import { withLock } from '../../../src/locks/with-lock.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { holdLock } from '../../support/lock-holder.js';

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

// No test would end within this time by itself.
const LONG = { ttlMs: 600_000, waitMs: 600_000, timeoutMs: 5_000, logger: quiet } satisfies LockOptions;
const CLOSED = { status: 'rejected', reason: expect.objectContaining({ code: 'REDIS_UNAVAILABLE' }) };

function aClient() {
  const redis = connectRedis({ url: file.server.url, logger: quiet });
  onTestFinished(() => closeRedis(redis, { timeoutMs: 100 }));
  return redis;
}

const isListening = async () => (await file.redis.pubsub('CHANNELS', 'lock-released:r')).length > 0;

/** Several callers of one process wait: the first for another program's lock, the others for the first. */
async function waiting(redis = aClient()) {
  await file.redis.set('lock:r', 'of another', 'PX', 600_000);
  const waits = [1, 2, 3].map(() => withLock(redis, 'r', LONG, () => 'ran'));
  const ended = Promise.allSettled(waits);
  await eventually('the first waiter listens', isListening);
  return { redis, ended };
}

test('all callers that wait for a lock end with REDIS_UNAVAILABLE when closeRedis is called', async () => {
  const { redis, ended } = await waiting();
  await closeRedis(redis);
  expect(await ended).toEqual([CLOSED, CLOSED, CLOSED]);
});

test.each(['quit', 'disconnect'] as const)(
  'callers that wait for a lock end when the owner calls %s() on the client',
  async (end) => {
    const { redis, ended } = await waiting();
    await redis[end]();
    expect(await ended).toEqual([CLOSED, CLOSED, CLOSED]);
  },
);

test('callers that wait for a lock end when the client is closed while Redis does not answer', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const { ended } = await waiting(redis);
  proxy.swallow();
  await closeRedis(redis, { timeoutMs: 100 });
  expect(await ended).toEqual([CLOSED, CLOSED, CLOSED]);
});

test('callers that wait for a lock of their own process end when the client is closed', async () => {
  const redis = aClient();
  const held = await holdLock(redis, 'r', LONG);
  const before = withLock(redis, 'r', LONG, () => 'ran');
  const ended = Promise.allSettled([before]);
  await closeRedis(redis);
  expect(await ended).toEqual([CLOSED]);
  expect(await Promise.allSettled([withLock(redis, 'r', LONG, () => 'ran')])).toEqual([CLOSED]);
  expect(await held.release()).toBe('done');
});
