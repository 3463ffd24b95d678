import { randomBytes, randomInt } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { sized } from '../../support/size.js';
import { redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));

const LARGEST = 3 * 1_048_576;
const BODIES = sized({ quick: 12, full: 200 });

const sizes = [
  0,
  1,
  LARGEST,
  ...Array.from({ length: BODIES }, () => Math.floor(LARGEST * Math.random() ** 4)),
];

test.each(sizes.map((size, at) => [at, size]))(
  'body %i of %i random bytes, in odd pieces',
  async (_at, size) => {
    const body = randomBytes(size);
    const app = await serveCached({
      redis: file.redis,
      cache: { maxBodyBytes: LARGEST },
      handler: (_req, res) => {
        res.set('ETag', '"same"');
        for (let at = 0; at < size; ) {
          const piece = randomInt(1, Math.max(2, Math.ceil(size / 3)));
          res.write(body.subarray(at, at + piece));
          at += piece;
        }
        res.end();
      },
    });
    const isWhole = (bytes: Buffer) => expect(bytes.equals(body)).toBe(true);
    isWhole((await app.get()).body);
    await eventually('a hit', async () => (await app.get()).hit);
    const hit = await app.get();
    isWhole(hit.body);
    expect(hit.headers['content-length']).toBe(String(size));
    const head = await app.get('/', { method: 'HEAD' });
    expect([head.hit, head.headers['content-length'], head.body.length]).toEqual([true, String(size), 0]);
    const current = await app.get('/', { headers: { 'if-none-match': '"same"' } });
    expect([current.status, current.body.length]).toEqual([304, 0]);
    if (size === 0) return;
    const [first, last] = [randomInt(size), randomInt(size)].sort((a, b) => a - b) as [number, number];
    const part = await app.get('/', { headers: { range: `bytes=${first}-${last}` } });
    expect([part.status, part.body.equals(body.subarray(first, last + 1))]).toEqual([206, true]);
  },
);
