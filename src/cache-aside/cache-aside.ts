import { ToolkitError } from '../errors.js';
import { sharedReporter } from '../fallback-reporter.js';
import { consoleLogger } from '../logger.js';
import { readOptions } from '../read-options.js';
import { linkTo } from '../redis/index.js';
import { SingleFlight } from '../single-flight/index.js';
import {
  checkTags,
  checkUrls,
  EVERYTHING,
  purgedUrlTags,
  type TagVersions,
  tagVersions,
} from '../tags/index.js';
import { monotonicNow } from '../timers.js';
import { type CacheState, checkState } from './cache-state.js';
import { checkFunction } from './check-function.js';
import { mutator } from './mutate.js';
import { nearValuesOf } from './near-values.js';
import {
  type AsideSettings,
  type CacheAsideOptions,
  type CachedValueOptions,
  checks,
  defaults,
  hints,
  type StoredValueOptions,
  type ValueSettings,
  valueOptionsReader,
} from './options.js';
import { type CachedValue, type CachedValues, readValue, readValues, type TagsByKey } from './read-values.js';
import { publishingStore } from './value-events.js';
import { valueJson } from './value-json.js';
import { storedLifetime } from './value-lifetime.js';
import { type LoadResult, ValueLoader } from './value-loader.js';
import { checkKey, keyTag, tagsOfValue, ValueStore } from './value-store.js';

/** A cache for code: values by key and tag, under the same invalidations as cached responses. */
export interface CacheAside {
  /**
   * Returns the cached value of a key. If there is none, one caller in all processes loads it, and the others wait for
   * its value or share its error. While Redis does not answer, one caller in each process loads it.
   *
   * Every caller gets the value as it comes back from JSON, also the one that loaded it: a Date is a string. `null` is
   * cached; `undefined` is returned and not cached.
   */
  getOrLoad<T>(key: string, load: () => Promise<T>, options?: CachedValueOptions<T>): Promise<T>;
  /**
   * Returns the value of a key, or `undefined` if no fresh value is cached, and the `since` that `set` needs. With the
   * tags that the value was stored under this takes one round trip, without them two.
   */
  get<T>(key: string, tags?: readonly string[]): Promise<CachedValue<T>>;
  /**
   * Returns the fresh values of up to 1,000 keys by key, and the `since` for each `set` of a missing one, in as many
   * round trips as `get`.
   *
   * @param tags those that the values were stored under: a list for all keys, or a function of the key
   */
  getMany<T>(keys: readonly string[], tags?: TagsByKey): Promise<CachedValues<T>>;
  /**
   * Stores a value that was read or computed after the `get` that returned `since`. If anything under its tags was
   * invalidated in between, the value may be old and is not stored. Resolves with whether it was stored.
   */
  set<T>(key: string, value: T, options: StoredValueOptions<T>): Promise<boolean>;
  /** Invalidates the value of a key. */
  del(key: string): Promise<void>;
  /**
   * Runs a change of what is cached under the tags. They are marked before it and purged after it, so that no caller
   * gets the older value once this resolves, even if the process dies in between. When Redis does not acknowledge the
   * purge within `timeoutMs` this resolves all the same, and the purge is repeated until Redis does.
   */
  mutate<T>(tags: readonly string[], run: () => Promise<T>): Promise<T>;
  /**
   * Invalidates the values and responses that are cached under the tags. When Redis does not acknowledge that within
   * `timeoutMs` this rejects, and the purge is repeated until Redis does; so do `invalidateUrls`, `clear` and `del`.
   */
  invalidateTags(tags: readonly string[]): Promise<void>;
  /** Invalidates the responses of these URLs (path and query). */
  invalidateUrls(urls: readonly string[]): Promise<void>;
  /** Invalidates everything. */
  clear(): Promise<void>;
}

/**
 * Caches values that code loads, and invalidates responses that `cacheResponse` stores.
 *
 * @example
 * const cache = cacheAside({ redis });
 * const user = await cache.getOrLoad(`user:${id}`, () => users.get(id), { ttlSeconds: 60, tags: [`user:${id}`] });
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; later `CACHE_KEY_INVALID`, `CACHE_VALUE_NOT_JSON`,
 *   `CACHE_VALUE_TOO_LARGE`
 */
export function cacheAside(given: CacheAsideOptions): CacheAside {
  const settings: AsideSettings = readOptions('cacheAside', given, checks, defaults, ['redis'], hints);
  const { redis } = settings;
  const link = linkTo(redis, settings.logger);
  const reporter = sharedReporter('cacheAside', 'bypass', link, settings.logger);
  const readValueOptions = valueOptionsReader(settings);
  const versions = tagVersions(redis, settings);
  const near = nearValuesOf(redis, versions, settings);
  const values = new ValueStore(redis, versions, settings, near);
  const flights = new SingleFlight<LoadResult>(redis, settings);
  const { logger = consoleLogger, maxValueBytes } = settings;
  const loader = new ValueLoader({ values, versions, flights, reporter, logger, maxValueBytes });
  const source = { versions, values, reporter };

  return {
    async getOrLoad<T>(key: string, load: () => Promise<T>, given?: CachedValueOptions<T>) {
      checkKey(key);
      checkFunction('getOrLoad', 'load', load);
      const options = readValueOptions(given);
      const arrivedAt = monotonicNow();
      const until = arrivedAt + options.waitMs;
      return loader.getOrLoad({ key, load, options, tags: tagsOfValue(key, options.tags), arrivedAt, until });
    },

    get: <T>(key: string, tags?: readonly string[]) => readValue<T>(source, key, tags),
    getMany: <T>(keys: readonly string[], tags?: TagsByKey) => readValues<T>(source, keys, tags),

    async set<T>(key: string, value: T, given?: Partial<StoredValueOptions<T>>) {
      checkKey(key);
      const { since, ...rest } = given ?? {};
      checkState(since);
      const options = readValueOptions(rest as CachedValueOptions<T>);
      const json = valueJson(key, value, maxValueBytes);
      return storeValue(versions, values, { key, value, json, since }, options);
    },

    async del(key) {
      checkKey(key);
      await versions.invalidate([keyTag(key)]);
    },

    mutate: mutator(versions, settings),
    invalidateTags: async (tags) =>
      versions.invalidate(checkTags('cacheAside: invalidateTags was given', tags)),
    invalidateUrls: async (urls) =>
      versions.invalidate(checkUrls('cacheAside: invalidateUrls was given', urls).flatMap(purgedUrlTags)),
    clear: () => versions.invalidate([EVERYTHING]),
  };
}

/** A value that is given to `set`. */
interface GivenValue<T> {
  readonly key: string;
  readonly value: T;
  readonly json: string | undefined;
  readonly since: CacheState;
}

async function storeValue<T>(
  versions: TagVersions,
  values: ValueStore,
  { key, value, json, since }: GivenValue<T>,
  options: ValueSettings<T>,
): Promise<boolean> {
  if (json === undefined) throw nothingToStore(key);
  const outcome = await publishingStore(key, async () => {
    const lifetime = await storedLifetime(key, value, options);
    if (!lifetime) return 'uncached';
    const pinned = await since.pin(versions, tagsOfValue(key, options.tags));
    return pinned && (await values.store(key, json, pinned, lifetime)) ? 'stored' : 'invalidated';
  });
  return outcome === 'stored';
}

function nothingToStore(key: string): ToolkitError {
  const message = `cacheAside: the value of "${key}" is undefined, which is never cached: store null instead`;
  return new ToolkitError('CACHE_VALUE_NOT_JSON', message);
}
