import { ToolkitError } from '../../errors.js';
import { aPositiveInteger, oneOf, readOptions } from '../../read-options.js';
import type { RedisClient } from '../../redis/index.js';

/** Responses that the process keeps in its memory. */
export interface NearCacheOptions {
  /** Bytes of memory that they may take. The least recently used response is dropped first. */
  readonly maxBytes: number;
  /**
   * `validated`: the process asks Redis whether the response is still current, and the response itself is not
   * transferred. `tracked`: Redis tells the process of every change, and the process asks nothing. After an
   * invalidation it may serve the older response for up to one second. Not on a Cluster.
   * @default 'validated'
   */
  readonly mode?: 'validated' | 'tracked';
}

export const defaults = { mode: 'validated' } satisfies Partial<NearCacheOptions>;
const checks = { maxBytes: aPositiveInteger('bytes'), mode: oneOf('validated', 'tracked') };

export type NearCacheSettings = Required<NearCacheOptions>;

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readNearCacheOptions(given: NearCacheOptions, redis: RedisClient): NearCacheSettings {
  const settings = readOptions('cacheResponse nearCache', given, checks, defaults, ['maxBytes']);
  if (settings.mode === 'tracked' && redis.isCluster) {
    throw new ToolkitError(
      'OPTION_INVALID',
      'cacheResponse: option "nearCache" cannot have the mode "tracked" on a Cluster, where each node tells only of its own keys: use "validated"',
    );
  }
  return settings;
}
