import { beforeEach, expect, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import type { CacheAsideOptions } from '../../../src/cache-aside/options.js';
import { monotonicNow } from '../../../src/timers.js';
import { gate, quiet, redisForFile } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const open = (options: Partial<CacheAsideOptions> = {}) =>
  cacheAside({ redis: file.redis, logger: quiet, timeoutMs: 1000, ...options });
const secondsLeft = async () => Math.ceil((await file.redis.pttl('user:7')) / 1000);

test('ttlSeconds and staleSeconds of cacheAside apply to values without their own', async () => {
  const cache = open({ ttlSeconds: 100, staleSeconds: 20 });
  expect(await cache.getOrLoad('user:7', async () => 'loaded')).toBe('loaded');
  expect(await secondsLeft()).toBe(120);
  const { since } = await cache.get('user:7');
  expect(await cache.set('user:7', 'set', { since })).toBe(true);
  expect(await secondsLeft()).toBe(120);
});

test('options of a value outrank those of cacheAside, one by one', async () => {
  const cache = open({ ttlSeconds: 100, staleSeconds: 20 });
  await cache.getOrLoad('user:7', async () => 'loaded', { ttlSeconds: 10, tags: ['user:7'] });
  expect(await secondsLeft()).toBe(30);
  const { since } = await cache.get('user:7', ['user:7']);
  await cache.set('user:7', 'set', { ttlSeconds: () => 5, staleSeconds: 0, since });
  expect(await secondsLeft()).toBe(5);
});

test('earlyRefresh of cacheAside refreshes values without their own', async () => {
  const cache = open({ ttlSeconds: 60, earlyRefresh: 1_000 });
  let loads = 0;
  const load = async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return ++loads;
  };
  await cache.getOrLoad('user:7', load);
  await eventually('an early load', async () => (await cache.getOrLoad('user:7', load)) > 1);
});

test('a value without ttlSeconds, here and in cacheAside, is refused', async () => {
  const refusal = { code: 'OPTION_INVALID', message: expect.stringContaining('"ttlSeconds" is missing') };
  await expect(open().getOrLoad('user:7', async () => 1)).rejects.toMatchObject(refusal);
  const { since } = await open().get('user:7');
  await expect(open().set('user:7', 1, { since })).rejects.toMatchObject(refusal);
});

test.each([
  { ttlSeconds: 0 },
  { ttlSeconds: () => 60 },
  { staleSeconds: -1 },
  { earlyRefresh: '1' },
  { waitMs: 0 },
])('cacheAside refuses %o', (options) => {
  expect(() => open(options as never)).toThrow(`option "${Object.keys(options)[0]}"`);
});

test('a call of getOrLoad with waitMs waits no longer for the load of another, and the others do', async () => {
  const cache = open({ ttlSeconds: 60 });
  const go = gate();
  let loads = 0;
  const held = async () => {
    loads++;
    await go.passed;
    return 'held';
  };
  const first = cache.getOrLoad('user:7', held);
  await eventually('a load', () => loads === 1);
  const patient = cache.getOrLoad('user:7', async () => 'own');
  const began = monotonicNow();
  for (const other of [cache, open({ ttlSeconds: 60 })])
    expect(await other.getOrLoad('user:7', async () => 'own', { waitMs: 50 })).toBe('own');
  // The first of them may have stored its own value for the second.
  expect(monotonicNow() - began).toBeGreaterThan(45);
  go.open();
  expect(await Promise.all([first, patient])).toEqual(['held', 'held']);
});

test('a call of getOrLoad cannot wait longer than cacheAside says', async () => {
  const asked = open({ waitMs: 500 }).getOrLoad('user:7', async () => 1, { ttlSeconds: 60, waitMs: 501 });
  await expect(asked).rejects.toMatchObject({
    message: 'cacheAside: option "waitMs" must be a whole number of milliseconds from 1 to 500',
  });
});
