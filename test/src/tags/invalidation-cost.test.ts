import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { ResponseCache } from '../../../src/cache/response-cache.js';
import { pinVersions } from '../../../src/tags/pinned-versions.js';
import { countedRedis } from '../../middleware/support/counted-redis.js';
import { sized } from '../../support/size.js';
import { terms } from '../support/fresh-terms.js';

const FEW = 20;
const MANY = sized({ quick: 2_000, full: 20_000 });
const ROUNDS = 200;

test(`a tag over ${MANY} entries is invalidated by the same commands and bytes as one over ${FEW}`, async () => {
  const { redis, proxy, costOf } = await countedRedis();
  const cache = new ResponseCache(redis, { prefix: '', timeoutMs: 10_000 });
  const fill = async (tag: string, entries: number) => {
    const versions = pinVersions([tag], await cache.versions.readOrCreate([tag]))!;
    const head = { status: 200, fields: {}, terms, versions, vary: [], variant: '' };
    for (let from = 0; from < entries; from += 500) {
      const ids = Array.from({ length: Math.min(500, entries - from) }, (_, at) => `${tag} ${from + at}`);
      await Promise.all(ids.map((id) => cache.store(id, { head, body: Buffer.alloc(500) }, 600_000)));
    }
  };
  await Promise.all([fill('few', FEW), fill('any', MANY)]);
  // The script is known to Redis from here on.
  await cache.versions.invalidate(['new']);

  const invalidate = async (tag: string) => {
    let bytes = 0;
    const { commands, packets } = await costOf(async () => {
      await cache.versions.invalidate([tag]);
      bytes = Buffer.concat(proxy.writes).length;
    });
    return { commands, packets, bytes };
  };
  expect(await invalidate('any')).toEqual(await invalidate('few'));
  expect((await cache.lookUp('any 0', ['any'], {})).entry).toBeUndefined();

  const observer = new Redis(redis.options.port!, redis.options.host!);
  const redisTime = async (tag: string) => {
    await observer.config('RESETSTAT');
    for (let round = 0; round < ROUNDS; round++) await cache.versions.invalidate([tag]);
    const stats = await observer.info('commandstats');
    const used = [...stats.matchAll(/cmdstat_(?:set|evalsha):calls=\d+,usec=(\d+)/g)].map(([, usec]) =>
      Number(usec),
    );
    return used.reduce((sum, usec) => sum + usec, 0) / ROUNDS;
  };
  await redisTime('any');
  const [any, few] = [await redisTime('any'), await redisTime('few')];
  observer.disconnect();
  console.log(`Redis time of an invalidation: ${few} µs over ${FEW} entries, ${any} µs over ${MANY}`);
});
