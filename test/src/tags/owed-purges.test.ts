import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { closeRedis } from '../../../src/redis/connect.js';
import { linkTo } from '../../../src/redis/link.js';
import { tagVersions } from '../../../src/tags/tag-versions.js';
import { quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const options = { prefix: '', timeoutMs: 150 };

async function startCache() {
  const { proxy, redis } = await throughProxy(file.server);
  const lines: string[] = [];
  const note = (_fields: object, message: string) => void lines.push(message);
  const logger = { info: quiet.info, warn: note, error: note };
  const cache = cacheAside({ redis, ...options, logger });
  const versions = tagVersions(file.redis, { prefix: '', timeoutMs: 1000 });
  return {
    proxy,
    redis,
    cache,
    versions,
    failures: () => lines.filter((line) => line.startsWith('a purge failed')),
  };
}

const PURGES: Record<string, (cache: ReturnType<typeof cacheAside>) => Promise<unknown>> = {
  invalidateTags: (cache) => cache.invalidateTags(['a']),
  invalidateUrls: (cache) => cache.invalidateUrls(['/a']),
  clear: (cache) => cache.clear(),
  del: (cache) => cache.del('a:1'),
};
const TAG: Record<string, string> = {
  invalidateTags: 'a',
  invalidateUrls: 'url:/a',
  clear: '*',
  del: 'key:a:1',
};

test.each(Object.keys(PURGES))(
  '%s rejects in time while Redis does not answer, and the purge is made when it does',
  async (how) => {
    const { proxy, cache, versions, failures } = await startCache();
    const tag = TAG[how]!;
    const [before] = await versions.readOrCreate([tag]);
    proxy.swallow();
    const began = performance.now();
    await expect(PURGES[how]!(cache)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(await versions.read([tag])).toEqual([before]);
    proxy.thaw();
    proxy.sever();
    await eventually('the purge is made', async () => (await versions.read([tag]))[0] !== before);
    expect(failures()).toHaveLength(1);
  },
);

test('mutate resolves with its result while Redis does not answer, and its purge is made when Redis does', async () => {
  const { proxy, cache, versions } = await startCache();
  const changed = cache.mutate(['a'], async () => {
    proxy.swallow();
    return 'changed';
  });
  expect(await changed).toBe('changed');
  expect(await versions.read(['a'])).toEqual([null]);
  proxy.thaw();
  proxy.sever();
  await eventually('the mark is removed', async () => (await versions.readOrCreate(['a']))[0] !== null);
});

test('a purge that Redis acknowledges late, but in time, is a purge', async () => {
  const { proxy, redis, versions } = await startCache();
  const slow = tagVersions(redis, { prefix: '', timeoutMs: 5_000 });
  const [before] = await versions.readOrCreate(['a']);
  proxy.sever();
  await slow.invalidate(['a']);
  expect(await versions.read(['a'])).not.toEqual([before]);
});

test('closeRedis waits for the purges that are owed, and not longer than its timeout', async () => {
  const { proxy, redis, cache, versions } = await startCache();
  const [before] = await versions.readOrCreate(['a']);
  proxy.swallow();
  await expect(cache.invalidateTags(['a'])).rejects.toThrow();
  const closed = closeRedis(redis, { timeoutMs: 10_000 });
  proxy.thaw();
  proxy.sever();
  await closed;
  expect(await versions.read(['a'])).not.toEqual([before]);

  const other = await startCache();
  other.proxy.swallow();
  await expect(other.cache.invalidateTags(['a'])).rejects.toThrow();
  const began = performance.now();
  await closeRedis(other.redis, { timeoutMs: 300 });
  expect(performance.now() - began).toBeLessThan(1_500);
});

test('of very many purges that are owed the last ones become one of everything, and one log line tells of all', async () => {
  const { proxy, redis, cache, versions, failures } = await startCache();
  const tags = Array.from({ length: 1_200 }, (_, position) => `tag ${position}`);
  const before = await versions.readOrCreate(['tag 0', '*']);
  proxy.swallow();
  await Promise.all(tags.map((tag) => cache.invalidateTags([tag]).catch(() => {})));
  expect(failures()).toHaveLength(1);
  proxy.thaw();
  proxy.sever();
  await eventually('the purges are made', async () => {
    const now = await versions.read(['tag 0', '*']);
    return now[0] !== before[0] && now[1] !== before[1];
  });
  await linkTo(redis).drained();
});

test('a purge that Redis refuses for good is not repeated, and blocks no other', async () => {
  const { cache, versions } = await startCache();
  await file.redis.lpush('tag:wrong', 'a list');
  await file.redis.expire('tag:wrong', 60);
  onTestFinished(async () => void (await file.redis.del('tag:wrong')));
  await expect(cache.invalidateTags(['wrong'])).rejects.toMatchObject({ code: 'REDIS_COMMAND_FAILED' });
  const [before] = await versions.readOrCreate(['a']);
  await cache.invalidateTags(['a']);
  expect(await versions.read(['a'])).not.toEqual([before]);
});
