import type { Redis } from 'ioredis';
import { type RedisClient, whenReset } from '../../redis/index.js';
import { trackingOf } from './change-tracking.js';
import { NearCache, type NearFormat } from './near-cache.js';
import type { NearCacheSettings } from './options.js';

/**
 * Makes a near cache of a client.
 *
 * @param prefixes the beginnings of all keys whose content it may hold, for the mode `tracked`
 */
export function nearCacheOf<Stored>(
  redis: RedisClient,
  { maxBytes, mode }: NearCacheSettings,
  format: NearFormat<Stored>,
  prefixes: readonly string[],
): NearCache<Stored> {
  const tracking = mode === 'tracked' ? trackingOf(redis as Redis, prefixes) : undefined;
  const near = new NearCache(maxBytes, format, tracking);
  whenReset(redis, () => near.clear());
  return near;
}
