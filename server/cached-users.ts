import { cacheAside, type Logger, type RedisClient } from '../index.js';
import type { UserRepository } from '../routes/user-repository.js';

/**
 * The same users, of whom each got by id is kept in Redis for a minute: for answers that are personal and may not be
 * cached themselves. Under the tag that the routes purge with each change.
 */
export function cachedUsers(users: UserRepository, redis: RedisClient, logger: Logger): UserRepository {
  const cache = cacheAside({ redis, logger });
  return {
    ...users,
    get: (id) => cache.getOrLoad(`user:${id}`, () => users.get(id), { ttlSeconds: 60, tags: [`user:${id}`] }),
  };
}
