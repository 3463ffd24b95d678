import { beforeEach, expect, test } from 'vitest';
import { ResponseCache } from '../../../src/cache/response-cache.js';
import { pinVersions } from '../../../src/tags/pinned-versions.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';
import { terms } from '../support/fresh-terms.js';

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

test('a response is found only under exactly the tags that it was stored under', async () => {
  const cache = new ResponseCache(file.redis, { prefix: '', timeoutMs: 1000 });
  const tags = ['a', '__proto__', 'constructor'];
  const pinned = pinVersions(tags, await cache.versions.readOrCreate(tags))!;
  const head = { status: 200, fields: { 'x-a': ['1', '2'] }, terms, versions: pinned, vary: [], variant: '' };
  const lookUp = async (id: string, asked: string[]) => (await cache.lookUp(id, asked, {})).entry;
  await cache.store('id', { head, body: Buffer.from([0, 255, 10]) }, 5000);
  expect(await lookUp('id', tags)).toEqual({ head, body: Buffer.from([0, 255, 10]) });
  expect(await lookUp('id', [...tags].reverse())).toBeDefined();
  expect(await lookUp('id', [...tags, 'b'])).toBeUndefined();
  expect(await lookUp('other', tags)).toBeUndefined();
  await cache.versions.invalidate(['__proto__']);
  expect(await lookUp('id', tags)).toBeUndefined();
});

test('a response that was cut or overwritten in Redis is a miss', async () => {
  const cache = new ResponseCache(file.redis, { prefix: '', timeoutMs: 1000 });
  for (const value of [
    '',
    'x',
    Buffer.from('a stamp of 12'),
    Buffer.from('twelve bytes\0\0\0\x09{'),
    Buffer.from('twelve bytes\0\0\0\x02{}'),
    Buffer.from('twelve bytes\0\0\0\x04null'),
  ]) {
    await file.redis.set('cache:id', value, 'PX', 5000);
    expect(await cache.lookUp('id', [], {})).toEqual({ miss: 'uri-miss' });
  }
});
