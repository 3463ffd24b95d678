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

test('a mark that is withdrawn brings the version from before it back', async () => {
  const versions = versionsOf();
  const before = await versions.readOrCreate(['a']);
  const mutation = await beginMutation(versions, ['a']);
  expect(await versions.read(['a'])).toEqual([null]);
  await mutation.withdraw();
  expect(await versions.read(['a'])).toEqual(before);
  expect(await file.redis.pttl('tag:a')).toBeGreaterThan(3_600_000);
});

test.each(['first', 'last'])(
  'beside another change a mark that is withdrawn %s brings nothing back',
  async (place) => {
    const versions = versionsOf();
    const [before] = await versions.readOrCreate(['a']);
    const [replay, change] = [await beginMutation(versions, ['a']), await beginMutation(versions, ['a'])];
    const ends = [() => replay.withdraw(), () => change.finish()];
    if (place === 'last') ends.reverse();
    await ends[0]!();
    expect(await versions.read(['a'])).toEqual([null]);
    await ends[1]!();
    const [after] = await versions.read(['a']);
    expect([after, after !== null && after !== before]).toEqual([after, true]);
  },
);

test('of two marks that are withdrawn the last one brings the version back', async () => {
  const versions = versionsOf();
  const before = await versions.readOrCreate(['a']);
  const replays = [await beginMutation(versions, ['a']), await beginMutation(versions, ['a'])];
  await replays[1]!.withdraw();
  expect(await versions.read(['a'])).toEqual([null]);
  await replays[0]!.withdraw();
  expect(await versions.read(['a'])).toEqual(before);
});

test('a purge beside a mark that is withdrawn is a purge', async () => {
  const versions = versionsOf();
  const [before] = await versions.readOrCreate(['a']);
  const replay = await beginMutation(versions, ['a']);
  await versions.invalidate(['a']);
  await replay.withdraw();
  const [after] = await versions.read(['a']);
  expect([after, after !== null && after !== before]).toEqual([after, true]);
});

test.each([null, 'newer'])(
  'a mark that was lost (%s is there instead) takes nothing out',
  async (instead) => {
    const versions = versionsOf();
    await versions.readOrCreate(['a']);
    const replay = await beginMutation(versions, ['a']);
    if (instead === null) await file.redis.del('tag:a');
    else await file.redis.set('tag:a', instead, 'PX', 60_000);
    await replay.withdraw();
    expect(await file.redis.get('tag:a')).toBe(instead);
  },
);

test('when its client has left, a mutation is given up after a minute', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const mutation = await beginMutation(versionsOf(), ['a']);
  mutation.expectEndSoon();
  vi.advanceTimersByTime(59_000);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect(vi.getTimerCount()).toBe(0);
  await mutation.finish();
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
