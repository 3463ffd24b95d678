import type { Redis } from 'ioredis';
import { TTL_SECONDS } from './kit.js';

const PURGED_AT_ONCE = 1_000;

/**
 * The cache-aside that people write by hand: the body as text under its URL, and for each tag a set of the keys that
 * carry it. No race, no stampede and no eviction is thought of, so it costs as little as it can.
 */
export function cacheAsideOn(redis: Redis) {
  return {
    async getOrLoad(url: string, load: () => string | Promise<string>, tag?: string): Promise<string> {
      const key = `cache:${url}`;
      const cached = await redis.get(key);
      if (cached !== null) return cached;
      const body = await load();
      await Promise.all([
        redis.set(key, body, 'EX', TTL_SECONDS),
        ...(tag ? [redis.sadd(`tag:${tag}`, key), redis.expire(`tag:${tag}`, TTL_SECONDS)] : []),
      ]);
      return body;
    },
    async purge(tag: string): Promise<void> {
      const keys = await redis.smembers(`tag:${tag}`);
      const gone: Promise<unknown>[] = [redis.unlink(`tag:${tag}`)];
      for (let start = 0; start < keys.length; start += PURGED_AT_ONCE) {
        gone.push(redis.unlink(keys.slice(start, start + PURGED_AT_ONCE)));
      }
      await Promise.all(gone);
    },
  };
}
