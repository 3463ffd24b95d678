import { ToolkitError } from '../../errors.js';
import { aPositiveInteger, oneOf, readOptions } from '../../read-options.js';
import type { RedisClient } from '../../redis/index.js';

/** Responses or values that the process keeps in its memory. */
export interface NearCacheOptions {
  /** Bytes of memory that they may take. The least recently used one is dropped first. */
  readonly maxBytes: number;
  /**
   * `validated`: the process asks Redis whether its copy is still current, and the content itself is not transferred.
   * `tracked`: Redis tells the process of every change, and the process asks nothing. After an invalidation it may use
   * the older content for up to one second. Not on a Cluster.
   * @default 'validated'
   */
  readonly mode?: 'validated' | 'tracked';
}

export const defaults = { mode: 'validated' } satisfies Partial<NearCacheOptions>;
export const nearCacheChecks = { maxBytes: aPositiveInteger('bytes'), mode: oneOf('validated', 'tracked') };

export type NearCacheSettings = Required<NearCacheOptions>;

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readNearCacheOptions(given: NearCacheOptions, redis: RedisClient): NearCacheSettings {
  const settings = readOptions('cacheResponse nearCache', given, nearCacheChecks, defaults, ['maxBytes']);
  refuseTrackedCluster('cacheResponse', settings, redis);
  return settings;
}

/** @throws ToolkitError `OPTION_INVALID` */
export function refuseTrackedCluster(
  owner: string,
  { mode }: { readonly mode: NearCacheSettings['mode'] },
  redis: RedisClient,
): void {
  if (mode === 'tracked' && redis.isCluster) {
    throw new ToolkitError(
      'OPTION_INVALID',
      `${owner}: option "nearCache" cannot have the mode "tracked" on a Cluster, where each node tells only of its own keys: use "validated"`,
    );
  }
}
