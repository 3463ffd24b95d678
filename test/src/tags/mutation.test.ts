import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { beginMutation } from '../../../src/tags/mutation.js';
import { tagVersions } from '../../../src/tags/tag-versions.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const versionsOf = () => tagVersions(file.redis, { prefix: '', timeoutMs: 1000 });

test('a mark that expired is not missed at the end: the version is fresh all the same', async () => {
  const versions = versionsOf();
  const mutation = await beginMutation(versions, ['a']);
  expect(await file.redis.pttl('tag:a')).toBeGreaterThan(10_000);
  await file.redis.del('tag:a');
  const [readMeanwhile] = await versions.readOrCreate(['a']);
  await mutation.finish();
  expect(await versions.read(['a'])).not.toEqual([readMeanwhile]);
});

test('the marks are renewed while the mutation lasts, and no longer', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const versions = versionsOf();
  const mutation = await beginMutation(versions, ['a']);
  await file.redis.pexpire('tag:a', 1000);
  vi.advanceTimersByTime(5000);
  await vi.waitFor(async () => expect(await file.redis.pttl('tag:a')).toBeGreaterThan(10_000));
  await mutation.finish();
  const [version] = await versions.read(['a']);
  vi.advanceTimersByTime(20_000);
  await file.redis.ping();
  expect(await versions.read(['a'])).toEqual([version]);
});

test('a request that is never answered renews its marks for a quarter of an hour at most', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const versions = versionsOf();
  const mutation = await beginMutation(versions, ['a']);
  vi.advanceTimersByTime(16 * 60_000);
  expect(vi.getTimerCount()).toBe(0);
  await mutation.finish();
});

afterEach(() => void vi.useRealTimers());
