import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import { quiet } from '../middleware/support/redis-for-file.js';

/** Values of `cacheAside`, whose keys and tags lie on several nodes of a Cluster. */
export function valuesBehave(client: () => Redis | Cluster): void {
  test('getMany finds values on all nodes, and none whose tag was invalidated', async () => {
    const cache = cacheAside({ redis: client(), prefix: `${randomUUID()}:`, logger: quiet, timeoutMs: 1000 });
    const keys = Array.from({ length: 30 }, (_, n) => `many:${n}`);
    const tags = (key: string) => [`of-${key}`];
    const { values, since } = await cache.getMany<string>(keys, tags);
    expect(values.size).toBe(0);
    const storing = keys.map((key) =>
      cache.set(key, `value of ${key}`, { ttlSeconds: 60, tags: tags(key), since }),
    );
    expect(new Set(await Promise.all(storing))).toEqual(new Set([true]));
    await cache.invalidateTags(['of-many:3']);
    const found = (await cache.getMany<string>(keys, tags)).values;
    expect([...found]).toEqual(keys.filter((key) => key !== 'many:3').map((key) => [key, `value of ${key}`]));
  });

  test('a value in the near cache of another process is not used after an invalidation', async () => {
    const shared = {
      redis: client(),
      prefix: `${randomUUID()}:`,
      logger: quiet,
      timeoutMs: 1000,
      ttlSeconds: 60,
    };
    const [one, other] = [0, 1].map(() => cacheAside({ ...shared, nearCache: { maxBytes: 100_000 } }));
    let value = 'old';
    const read = (cache = one!) => cache.getOrLoad('near:1', async () => value, { tags: ['near'] });
    expect([await read(), await read(other), await read()]).toEqual(['old', 'old', 'old']);
    await other!.mutate(['near'], async () => {
      value = 'new';
    });
    expect([await read(), await read(other)]).toEqual(['new', 'new']);
  });
}
