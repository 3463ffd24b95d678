import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import type { CacheAsideOptions } from '../../../src/cache-aside/options.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { countingCommands } from '../../middleware/cache/support/near-client.js';
import { quiet } from '../../middleware/support/redis-for-file.js';
import { clientForFile } from '../../support/client-for-file.js';
import { eventually } from '../../support/eventually.js';

let cli: Redis;
clientForFile((own) => {
  cli = own;
});
const open: Redis[] = [];
afterAll(() => Promise.all(open.map((redis) => closeRedis(redis, { timeoutMs: 100 }))));
const MODES = ['validated', 'tracked'] as const;
type Mode = (typeof MODES)[number];

/** A process of its own, with a near cache for the entity `row`. */
function processOf(mode: Mode, load: () => unknown, given: Partial<CacheAsideOptions> = {}) {
  const redis = connectRedis({
    url: inject('redisUrl'),
    logger: quiet,
    ...(cli.options.keyPrefix && { keyPrefix: cli.options.keyPrefix }),
  });
  open.push(redis);
  const nearCache = { maxBytes: 1_000_000, mode, entities: ['row'] };
  const cache = cacheAside({ redis, logger: quiet, ttlSeconds: 60, timeoutMs: 2_000, nearCache, ...given });
  const sent = countingCommands(redis);
  const read = (key: string) => cache.getOrLoad(key, async () => load(), { tags: ['rows'] });
  const settle = (key: string) =>
    eventually(`${key} is near`, async () => {
      const before = sent.count;
      await read(key);
      return sent.count - before === (mode === 'tracked' ? 0 : 2);
    });
  return { redis, cache, sent, read, settle };
}

function twoProcesses(mode: Mode) {
  const row = { value: 0 };
  const [one, other] = [processOf(mode, () => row.value), processOf(mode, () => row.value)];
  return { one, other, row, key: '' };
}
type Processes = ReturnType<typeof twoProcesses>;

// What makes a value old, or takes it away, while both processes have it near.
const changes: Record<string, (processes: Processes) => Promise<unknown>> = {
  'a mutation in another process': ({ other, row }) => other.cache.mutate(['rows'], async () => ++row.value),
  'a tag invalidated': ({ other, row }) => {
    row.value++;
    return other.cache.invalidateTags(['rows']);
  },
  'del of its key': ({ other, row, key }) => {
    row.value++;
    return other.cache.del(key);
  },
  'clear()': ({ other, row }) => {
    row.value++;
    return other.cache.clear();
  },
  'set in another process': async ({ other, row, key }) => {
    const { since } = await other.cache.get(key, ['rows']);
    expect(await other.cache.set(key, ++row.value, { since, tags: ['rows'] })).toBe(true);
  },
  'DEL of the value, typed in redis-cli': ({ row, key }) => {
    row.value++;
    return cli.del(key);
  },
  'DEL of a tag, typed in redis-cli': ({ row }) => {
    row.value++;
    return cli.del('tag:rows');
  },
  'the value expired': async ({ row, key }) => {
    row.value++;
    await cli.pexpire(key, 1);
    await eventually('it is gone', async () => !(await cli.exists(key)));
  },
};

describe.each(MODES)('%s', (mode) => {
  let processes: Processes;
  beforeAll(() => {
    processes = twoProcesses(mode);
  });

  test.each(Object.keys(changes))('after %s no process returns the older value', async (change) => {
    const { one, other, row } = processes;
    row.value = 0;
    const key = `row:${mode}-${change.replaceAll(/\W/g, '-')}`;
    for (const each of [one, other]) await each.settle(key);
    await changes[change]!({ ...processes, key });
    const isNew = async () => (await one.read(key)) === 1 && (await other.read(key)) === 1;
    if (mode === 'validated') expect(await isNew()).toBe(true);
    else await eventually('both have the new value', isNew, { withinMs: 1_000 });
  });

  test('each caller gets a value of its own', async () => {
    const { read, settle } = processOf(mode, () => ({ list: [1] }));
    const key = `row:own-${mode}`;
    await settle(key);
    ((await read(key)) as { list: number[] }).list.push(2);
    expect(await read(key)).toEqual({ list: [1] });
  });

  test('a value of another service, without a stamp, is read and not kept', async () => {
    const { read, settle, redis } = processOf(mode, () => 1);
    const key = `row:foreign-${mode}`;
    await settle(key);
    const { expiresAt: _, stamp: __, ...foreign } = JSON.parse((await cli.get(key))!);
    await cli.set(key, JSON.stringify({ ...foreign, value: 2 }), 'PX', 60_000);
    await eventually('it is read', async () => (await read(key)) === 2);
    const before = redis.stream.bytesRead;
    expect(await read(key)).toBe(2);
    expect(redis.stream.bytesRead).toBeGreaterThan(before);
  });
});

test('validated: no value travels for a near hit', async () => {
  const big = randomBytes(50_000).toString('hex');
  const { redis, read, settle } = processOf('validated', () => big);
  await settle('row:big');
  const before = redis.stream.bytesRead;
  expect(await read('row:big')).toBe(big);
  expect(redis.stream.bytesRead - before).toBeLessThan(300);
});

test('a copy ends with its key, also where Redis has not told of it yet', async () => {
  await processOf('validated', () => 'old').settle('row:ended');
  const stored = JSON.parse((await cli.get('row:ended'))!);
  expect(stored.expiresAt - stored.freshUntil).toBeLessThan(1_000);
  await cli.set('row:ended', JSON.stringify({ ...stored, expiresAt: Date.now() - 1 }), 'PX', 60_000);
  expect(await processOf('validated', () => 'new').read('row:ended')).toBe('new');
});

test('values of entities that are not named are not kept', async () => {
  const { sent, read } = processOf('tracked', () => 7);
  for (let i = 0; i < 3; i++) await read('other:1');
  expect(JSON.parse((await cli.get('other:1'))!)).not.toHaveProperty('stamp');
  const before = sent.count;
  await read('other:1');
  expect(sent.count - before).toBe(1);
});

test.each([
  [{ maxBytes: 1, mode: 'tracked' }, /"tracked" needs it/],
  [{ maxBytes: 1, entities: ['user:7'] }, /"entities" must list/],
  [{ maxBytes: 0 }, /"maxBytes"/],
  [{ maxBytes: 1, bytes: 1 }, /"bytes"/],
])('nearCache %j is refused', (nearCache, message) => {
  expect(() => cacheAside({ redis: cli, nearCache } as CacheAsideOptions)).toThrow(message);
});
