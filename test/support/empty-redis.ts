import type { Redis } from 'ioredis';

/**
 * Deletes every key but those that name the state of Redis. FLUSHALL would be a loss of data: when marks may have been
 * lost with it, nothing is stored for a second.
 */
export async function emptyRedis(redis: Redis): Promise<void> {
  const keys = (await redis.keys('*')).filter((key) => !key.includes('epoch:state:'));
  if (keys.length > 0) await redis.del(...keys);
}
