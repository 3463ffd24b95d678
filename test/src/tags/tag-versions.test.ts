import { beforeEach, expect, test } from 'vitest';
import { pinVersions } from '../../../src/tags/pinned-versions.js';
import { type TagVersions, tagVersions } from '../../../src/tags/tag-versions.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';
import { emptyRedis } from '../../support/empty-redis.js';

const file = redisForFile();
let versions: TagVersions;
beforeEach(async () => {
  await emptyRedis(file.redis);
  versions = tagVersions(file.redis, { prefix: '', timeoutMs: 1000 });
});

test('a missing version reads as null, is created once, and is then the same for all', async () => {
  expect(await versions.read(['a', 'b'])).toEqual([null, null]);
  const [one, two] = await Promise.all([
    versions.readOrCreate(['a', 'b']),
    versions.readOrCreate(['a', 'b']),
  ]);
  expect(one).toEqual(two);
  expect(await versions.read(['b', 'a'])).toEqual([...one].reverse());
  expect(one[0]).not.toBe(one[1]);
});

test('an invalidation gives a version that was never there before', async () => {
  const seen = new Set(await versions.readOrCreate(['a']));
  for (let i = 0; i < 20; i++) {
    await versions.invalidate(['a']);
    for (const version of await versions.read(['a'])) seen.add(version);
  }
  expect(seen.size).toBe(21);
});

test('under a mark there is no version, not even for who would create one', async () => {
  await versions.mark(['a'], 'mark1', 5000);
  expect(await versions.read(['a'])).toEqual([null]);
  expect(await versions.readOrCreate(['a'])).toEqual([null]);
  expect(pinVersions(['a'], await versions.readOrCreate(['a']))).toBeUndefined();
});

test('marks go one by one, an invalidation takes none, and the last to go leaves a fresh version', async () => {
  const [before] = await versions.readOrCreate(['a']);
  for (const mark of ['one', 'two', 'three']) await versions.mark(['a'], mark, 5000);
  await versions.unmark(['a'], 'two');
  await versions.invalidate(['a']);
  await versions.unmark(['a'], 'one');
  expect(await versions.read(['a'])).toEqual([null]);
  await versions.unmark(['a'], 'three');
  const [after] = await versions.read(['a']);
  expect(after).toEqual(expect.any(String));
  expect(after).not.toBe(before);
});

test('a shorter mark does not cut the expiry of a longer one, and renewing adds no second mark', async () => {
  await versions.mark(['a'], 'long', 50_000);
  await versions.mark(['a'], 'short', 5000);
  expect(await file.redis.pttl('tag:a')).toBeGreaterThan(45_000);
  await versions.mark(['a'], 'long', 60_000);
  expect(await file.redis.get('tag:a')).toBe('!long short');
  expect(await file.redis.pttl('tag:a')).toBeGreaterThan(55_000);
  await versions.unmark(['a'], 'long');
  expect(await file.redis.pttl('tag:a')).toBeGreaterThan(0);
});

test('a tag cannot reach the key of another by its characters', async () => {
  const tags = ['a b', 'a%20b', '{a}', 'a\n', 'a', '', '__proto__', 'constructor', '!', 'x'.repeat(300), 'é'];
  await versions.readOrCreate(tags);
  expect((await file.redis.keys('tag:*')).length).toBe(tags.length);
});
