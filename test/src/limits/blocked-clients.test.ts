import type { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { keys } from '../../../src/keys.js';
import { BlockList } from '../../../src/limits/blocked-clients.js';
import { RateLimiter } from '../../../src/limits/rate-limiter.js';
import { linkTo } from '../../../src/redis/link.js';
import { clientForFile } from '../../support/client-for-file.js';

let redis: Redis;
clientForFile((client) => (redis = client));
let prefixes = 0;

function limited() {
  const prefix = `blocks-${++prefixes}:`;
  const options = { prefix, timeoutMs: 1_000 };
  const limiter = new RateLimiter(redis, { ...options, name: 'login/1m' });
  const list = new BlockList(linkTo(redis), keys(prefix), options.timeoutMs);
  return { limiter, list, key: `${prefix}rate-blocks:all` };
}

test('blocks are listed until they end, those that last longest first', async () => {
  const { limiter, list } = limited();
  for (const [client, ms] of [
    ['a', 5_000],
    ['b', 9_000],
    ['"]{d}\n', 7_000],
    // The last one, so that no later block removes it.
    ['c', 1],
  ] as const)
    await limiter.block(client, ms);
  await expect.poll(async () => (await list.read(10)).total).toBe(3);
  const { clients } = await list.read(10);
  expect(clients.map(({ client }) => client)).toEqual(['b', '"]{d}\n', 'a']);
  expect(clients[0]).toMatchObject({ limiter: 'login/1m', blockedMs: expect.any(Number) });
  expect(clients[0]!.blockedMs).toBeGreaterThan(7_000);
  await limiter.unblock('b');
  await limiter.reset('a', []);
  expect(await list.read(1)).toMatchObject({ total: 1, clients: [{ client: '"]{d}\n' }] });
});

test('the list holds at most 1,000 blocks of bounded names, and expires with the last of them', async () => {
  const { limiter, list, key } = limited();
  const clients = Array.from({ length: 1_010 }, (_, i) => `${i} ${'x'.repeat(3_000)}`);
  await Promise.all(clients.map((client, i) => limiter.block(client, 10_000 + i)));
  await limiter.block('forever', Number.MAX_SAFE_INTEGER).catch(() => undefined);
  await limiter.block('short', 500);
  const { total, clients: listed } = await list.read(2_000);
  expect(total).toBe(1_000);
  expect(Math.max(...listed.map(({ client }) => client.length))).toBeLessThan(100);
  expect(await redis.memory('USAGE', key, 'SAMPLES', 0)).toBeLessThan(400_000);
  expect(await redis.pttl(key)).toBeGreaterThan(10_000);
});

test('a block holds although its place in the list cannot be written', async () => {
  const { limiter, list, key } = limited();
  await redis.set(key, 'of another type');
  await limiter.block('a', 5_000);
  const policy = { name: 'default', limit: 5, windowMs: 60_000, algorithm: 'sliding-window' } as const;
  expect(await limiter.consume('a', [policy])).toMatchObject({ admitted: false });
  await expect(list.read(1)).rejects.toMatchObject({ code: 'REDIS_COMMAND_FAILED' });
  expect(await limiter.unblock('a')).toBe(true);
});
