import { expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../src/cache-aside.js';
import { closeRedis, connectRedis } from '../../src/redis.js';
import { quiet } from '../middleware/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis.js';

async function afterRestartFromSnapshot(onRestart: 'forget' | 'keep'): Promise<string> {
  const server = await startRedis();
  const redis = connectRedis({ url: server.url, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis);
    await server.stop();
  });
  const cache = cacheAside(redis, { logger: quiet, timeoutMs: 1000, onRestart });
  const options = { ttlSeconds: 60, tags: ['user:7'] };
  await cache.getOrLoad('user:7', async () => 'old', options);
  await redis.save();
  await cache.invalidateTags(['user:7']);
  await server.kill();
  await server.restart();
  await eventually('Redis is back', async () => (await redis.ping().catch(() => '')) === 'PONG');
  return cache.getOrLoad('user:7', async () => 'new', options);
}

test('a Redis that comes back with an older state brings no older value back', async () => {
  expect(await afterRestartFromSnapshot('forget')).toBe('new');
});

test('with onRestart keep it does: the snapshot had the value and its version', async () => {
  expect(await afterRestartFromSnapshot('keep')).toBe('old');
});
