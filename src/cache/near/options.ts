import { ToolkitError } from '../../errors.js';
import { aPositiveInteger, oneOf, readOptions } from '../../read-options.js';
import type { RedisClient } from '../../redis/index.js';

/** Responses that stay in the memory of the process. */
export interface NearCacheOptions {
  /** Bytes of memory that they may take; the one that was not asked for longest goes first. */
  readonly maxBytes: number;
  /**
   * `validated`: Redis is asked whether the response is still current, and its bytes do not travel. `tracked`: Redis
   * tells the process of every change and is asked nothing; after an invalidation the older response may be served for
   * a moment, a second at the most. Not on a Cluster.
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
      'cacheResponse: option "nearCache" cannot have the mode "tracked" on a Cluster, each of whose nodes tells of its own keys alone: use "validated"',
    );
  }
  return settings;
}
