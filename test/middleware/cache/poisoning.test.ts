import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { tagVersions } from '../../../src/tags/tag-versions.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

test('a header that the key does not name can be made part of it by Vary', async () => {
  const app = await serveCached({
    redis: file.redis,
    handler: (req, res) => void res.vary('X-Forwarded-Host').send(String(req.headers['x-forwarded-host'])),
  });
  await app.get('/', { headers: { 'x-forwarded-host': 'evil.example' } });
  expect(String((await app.get('/')).body)).toBe('undefined');
});

test('values of Vary that clients make up take a bounded number of keys', async () => {
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => void res.vary('X-Any').send('x'),
  });
  for (let value = 0; value < 150; value++) await app.get('/', { headers: { 'x-any': `${value}` } });
  // 32 variants, the names that Vary has, and the list of the variants. The last response is sent before the variant that
  // gave way to it is removed.
  await eventually('34 keys at most', async () => (await file.redis.keys('cache*')).length <= 34);
});

test('query parameters that do not count take no keys', async () => {
  const app = await serveCached({
    redis: file.redis,
    cache: { queryParams: { allow: ['page'] } },
    handler: (_req, res) => void res.send('x'),
  });
  for (let value = 0; value < 100; value++) await app.get(`/?page=1&any=${value}`);
  expect(await file.redis.keys('cache:*')).toHaveLength(1);
  expect(await file.redis.keys('tag:url*')).toHaveLength(1);
});

test('tags and keys of odd characters and any length stay keys of their own', async () => {
  const odd = 'a\r\nSET evil 1\r\n{x} '.repeat(100);
  const app = await serveCached({
    redis: file.redis,
    cache: { tags: () => [odd], key: () => odd },
    handler: (_req, res) => {
      res.cacheTags(odd);
      res.send('x');
    },
  });
  await eventually('a hit', async () => (await app.get()).hit);
  for (const key of await file.redis.keys('*')) expect(key).toMatch(/^[\x21-\x7e]{1,250}$/);
  await tagVersions(file.redis, { prefix: '', timeoutMs: 1000 }).invalidate([odd]);
  expect((await app.get()).hit).toBe(false);
});

test('a path that looks like a file makes nothing cacheable: the response decides', async () => {
  const app = await serveCached({
    redis: file.redis,
    cache: { ttlSeconds: undefined },
    handler: (_req, res) => void res.set('Cache-Control', 'private').send('personal'),
  });
  await app.get('/me/x.css');
  expect((await app.get('/me/x.css')).hit).toBe(false);
});

// The command line has a process and a client of its own, and tests of applications have a prefix of their own.
const MAY_SCAN = ['operations/find-locks.ts', 'testing/remove-keys.ts'];

test('nothing in src/ that serves requests lists or empties the keys of Redis', () => {
  const files = readdirSync(join(__dirname, '../../../src'), { recursive: true, encoding: 'utf8' });
  for (const name of files.filter((each) => /\.(ts|lua)$/.test(each) && !MAY_SCAN.includes(each))) {
    const source = readFileSync(join(__dirname, '../../../src', name), 'utf8');
    expect(source, name).not.toMatch(/['"](keys|scan|flushdb|flushall)['"]/i);
  }
});
