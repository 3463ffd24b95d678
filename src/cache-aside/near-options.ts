import { type NearCacheOptions, nearCacheChecks, refuseTrackedCluster } from '../cache/index.js';
import { ToolkitError } from '../errors.js';
import { aListOfStrings, readOptions } from '../read-options.js';
import type { RedisClient } from '../redis/index.js';

/** Values that the process keeps in its memory. */
export interface NearValuesOptions extends NearCacheOptions {
  /**
   * The entities whose values are kept, such as `['user']` for the keys `user:7`. The mode `tracked` needs them: Redis
   * tells of changes to these keys.
   * @default all
   */
  readonly entities?: readonly string[];
}

const nearValuesDefaults = { mode: 'validated' } satisfies Partial<NearValuesOptions>;

export type NearValuesSettings = NearValuesOptions & Required<Pick<NearValuesOptions, 'mode'>>;

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readNearValuesOptions(given: NearValuesOptions, redis: RedisClient): NearValuesSettings {
  const checks = { ...nearCacheChecks, entities: aListOfStrings };
  const settings = readOptions('cacheAside nearCache', given, checks, nearValuesDefaults, ['maxBytes']);
  refuseTrackedCluster('cacheAside', settings, redis);
  const { mode, entities } = settings as NearValuesSettings;
  const wrong = entities?.find((entity) => !/^[a-z][\w-]*$/i.test(entity));
  if (wrong !== undefined || (mode === 'tracked' && !entities?.length)) {
    throw new ToolkitError(
      'OPTION_INVALID',
      'cacheAside nearCache: option "entities" must list the entities of the keys, e.g. [\'user\'] for "user:7"; the mode "tracked" needs it',
    );
  }
  return settings as NearValuesSettings;
}
