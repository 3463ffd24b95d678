import { Queue, Worker } from 'bullmq';
import { Cluster } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { bullOptions } from '../../../src/queues/bull-options.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { quiet } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis.js';

const NAME = 'mails';

async function setUp({ args = [] as string[], keyPrefix = '' } = {}) {
  const server = await startRedis({ args });
  const redis = connectRedis({ url: server.url, keyPrefix, logger: quiet });
  const queue = new Queue<{ n: number }>(NAME, bullOptions(redis, 'queue'));
  queue.on('error', () => {});
  onTestFinished(async () => {
    hangUp(queue);
    await closeRedis(redis, { timeoutMs: 100 });
    await server.stop();
  });
  return { server, redis, queue };
}

// It hangs up at once, but waits for a server that is gone to agree.
const hangUp = (queue: Queue) => void queue.disconnect().catch(() => {});

async function added(queue: Queue, n: number): Promise<boolean> {
  return queue.add('mail', { n }).then(
    () => true,
    () => false,
  );
}

test.each([
  ['', 'queue:mails:meta'],
  ['shop:', 'shop:queue:mails:meta'],
])('behind the key prefix "%s" a queue has its keys under %s', async (keyPrefix, key) => {
  const { server, queue } = await setUp({ keyPrefix });
  await eventually('it is connected', () => added(queue, 1));
  const plain = connectRedis({ url: server.url, logger: quiet });
  expect(await plain.exists(key)).toBe(1);
  await closeRedis(plain);
});

test('an add to a BullMQ queue fails soon when Redis never answered, is frozen or was killed', async () => {
  const { server, redis } = await setUp();
  server.freeze();
  const queue = new Queue<{ n: number }>(NAME, bullOptions(redis, 'queue'));
  queue.on('error', () => {});
  onTestFinished(() => hangUp(queue));
  // Not by the deadline, but at once.
  await expect(queue.add('mail', { n: 1 })).rejects.toThrow("Stream isn't writeable");
  server.thaw();
  await eventually('it connects', () => added(queue, 2));
  // What was refused is not added behind the caller's back.
  expect((await queue.getWaiting()).map(({ data }) => data.n)).not.toContain(1);
  server.freeze();
  expect(await added(queue, 3)).toBe(false);
  server.thaw();
  await eventually('it answers again', () => added(queue, 4));
  await server.kill();
  expect(await added(queue, 5)).toBe(false);
});

test('a BullMQ worker waits for Redis without limit, and goes on', async () => {
  const { server, redis, queue } = await setUp();
  const done: number[] = [];
  const worker = new Worker<{ n: number }>(
    NAME,
    async ({ data }) => void done.push(data.n),
    bullOptions(redis, 'worker'),
  );
  worker.on('error', () => {});
  onTestFinished(() => worker.close(true));
  await eventually('the first is added', () => added(queue, 1));
  await eventually('the first is done', () => done.includes(1));
  await server.kill();
  expect(await added(queue, 2)).toBe(false);
  await server.restart();
  await eventually('another is added', () => added(queue, 3));
  await eventually('the other is done', () => done.includes(3), { withinMs: 15_000 });
});

test('a Redis that is full of cached values evicts those and no job, with volatile-lru', async () => {
  const { redis, queue } = await setUp({
    args: ['--maxmemory', '6mb', '--maxmemory-policy', 'volatile-lru'],
  });
  await eventually('the first is added', () => added(queue, 0));
  for (let n = 1; n < 50; n++) await queue.add('mail', { n });
  const cache = cacheAside({ redis, logger: quiet, timeoutMs: 5_000 });
  const page = async () => 'x'.repeat(100_000);
  for (let id = 0; id < 100; id++) await cache.getOrLoad(`page:${id}`, page, { ttlSeconds: 60 });
  expect(Number(/evicted_keys:(\d+)/.exec(await redis.info('stats'))?.[1])).toBeGreaterThan(0);
  expect((await queue.getWaiting(0, -1)).map(({ data }) => data.n).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, n) => n),
  );
});

test('a BullMQ worker has maxRetriesPerRequest null, as BullMQ demands', () => {
  const redis = connectRedis({ lazyConnect: true });
  expect(bullOptions(redis, 'worker').connection.maxRetriesPerRequest).toBeNull();
  expect(bullOptions(redis, 'worker').connection).not.toHaveProperty('commandTimeout');
});

test('bullOptions refuses a Cluster and an unknown role, and says what to do', () => {
  const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true });
  expect(() => bullOptions(cluster, 'queue')).toThrow(/"redis" is a Cluster: give BullMQ .* "\{queue\}"/);
  const redis = connectRedis({ lazyConnect: true });
  expect(() => bullOptions(redis, 'producer' as never)).toThrow(/"role" must be one of "queue", "worker"/);
});
