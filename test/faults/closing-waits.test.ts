import { expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import { subscriber } from '../../src/messages/subscriber.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { quiet, redisForFile, throughProxy } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { gate } from '../support/gate.js';

const file = redisForFile();

// A waiter that notices nothing waits until a lease expires, which takes up to five seconds.
const AT_ONCE_MS = 1_000;

function aClient() {
  const redis = connectRedis({ url: file.server.url, logger: quiet });
  onTestFinished(() => closeRedis(redis, { timeoutMs: 100 }));
  return redis;
}

async function msUntil(event: Promise<unknown>): Promise<number> {
  const beganAt = performance.now();
  await event;
  return performance.now() - beganAt;
}

test("a load that waits for another process' load begins at once when its client is closed", async () => {
  const [filling, waiting] = [aClient(), aClient()];
  const load = gate<string>();
  const filled = cacheAside({ redis: filling }).getOrLoad('user:7', () => load.passed, { ttlSeconds: 60 });
  await eventually('the lease is taken', async () => (await file.redis.keys('cache-lease:*')).length > 0);
  const waited = cacheAside({ redis: waiting }).getOrLoad('user:7', async () => 'own', { ttlSeconds: 60 });
  const isListening = async () => (await file.redis.pubsub('CHANNELS', 'cache-lease-released:*')).length > 0;
  await eventually('the waiter listens', isListening);
  await closeRedis(waiting);
  expect(await msUntil(waited)).toBeLessThan(AT_ONCE_MS);
  expect(await waited).toBe('own');
  load.open('late');
  expect(await filled).toBe('late');
});

test('a loop over events ends when the client is closed', async () => {
  const redis = aClient();
  const events = subscriber(redis).events('orders');
  await events.ready;
  const next = events.next();
  await closeRedis(redis);
  expect(await msUntil(next)).toBeLessThan(AT_ONCE_MS);
  expect(await next).toEqual({ value: undefined, done: true });
});

test('a subscription that waits for Redis ends with an error when the client is closed', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  proxy.swallow();
  const listening = subscriber(redis).on('orders', () => undefined);
  const events = subscriber(redis).events('orders');
  const ended = Promise.allSettled([listening, events.ready, events.next()]);
  await closeRedis(redis, { timeoutMs: 50 });
  expect(await msUntil(ended)).toBeLessThan(AT_ONCE_MS);
  const [on, ready] = await ended;
  const unavailable = expect.objectContaining({ code: 'REDIS_UNAVAILABLE' });
  expect([on, ready]).toMatchObject([{ reason: unavailable }, { reason: unavailable }]);
});
