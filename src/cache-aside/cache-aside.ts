import { isUnavailable } from '../errors.js';
import { consoleLogger } from '../logger.js';
import { readOptions } from '../read-options.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { SingleFlight } from '../single-flight/index.js';
import {
  beginMutation,
  checkNames,
  checkTags,
  EVERYTHING,
  type Mutation,
  pinVersions,
  purgedUrlTags,
  refusedMutation,
  type TagVersions,
  tagVersions,
} from '../tags/index.js';
import {
  type AsideSettings,
  type CacheAsideOptions,
  type CachedValueOptions,
  checks,
  defaults,
  readValueOptions,
} from './options.js';
import { ValueLoader } from './value-loader.js';
import { checkKey, keyTag, tagsOfValue, ValueStore } from './value-store.js';

/** A cache for code: values by key and tag, under the same invalidations as cached responses. */
export interface CacheAside {
  /**
   * Returns the cached value of a key. If there is none, one caller at a time in all processes loads it. While Redis
   * does not answer, the value is loaded.
   */
  getOrLoad<T>(key: string, load: () => Promise<T>, options: CachedValueOptions): Promise<T>;
  /**
   * Returns the value of a key if it is cached and fresh. With the tags that it was stored under this takes one round
   * trip, without them two.
   */
  get<T>(key: string, tags?: readonly string[]): Promise<T | undefined>;
  /** Stores a value that was just read or written. */
  set(key: string, value: unknown, options: CachedValueOptions): Promise<void>;
  /** Invalidates the value of a key. */
  del(key: string): Promise<void>;
  /**
   * Runs a change of what is cached under the tags. They are marked before it and purged after it, so that no caller
   * gets the older value once this resolves, even if the process dies in between.
   */
  mutate<T>(tags: readonly string[], run: () => Promise<T>): Promise<T>;
  /** Invalidates the values and responses that are cached under the tags. */
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
 * const cache = cacheAside(redis);
 * const user = await cache.getOrLoad(`user:${id}`, () => users.get(id), { ttlSeconds: 60, tags: [`user:${id}`] });
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; later `CACHE_KEY_INVALID`, `CACHE_VALUE_TOO_LARGE`
 */
export function cacheAside(redis: RedisClient, given: CacheAsideOptions = {}): CacheAside {
  const settings: AsideSettings = readOptions('cacheAside', { redis, ...given }, checks, defaults, ['redis']);
  linkTo(redis, settings.logger);
  const versions = tagVersions(redis, settings);
  const values = new ValueStore(redis, versions, settings);
  const loader = new ValueLoader(values, new SingleFlight(redis, versions, settings));

  return {
    async getOrLoad(key, load, options) {
      checkKey(key);
      return loader.getOrLoad(key, load, options);
    },

    async get<T>(key: string, tags?: readonly string[]): Promise<T | undefined> {
      checkKey(key);
      if (tags) checkNames('cacheAside: get was given', tags);
      const found = await values.find<T>(key, tagsOfValue(key, tags)).catch((error: unknown) => {
        if (!isUnavailable(error)) throw error;
        return undefined;
      });
      return found?.isFresh ? found.value : undefined;
    },

    async set(key, value, options) {
      checkKey(key);
      readValueOptions(options);
      const tags = tagsOfValue(key, options.tags);
      const pinned = pinVersions(tags, await versions.readOrCreate(tags));
      if (pinned) await values.store(key, value, pinned, options);
    },

    async del(key) {
      checkKey(key);
      await versions.invalidate([keyTag(key)]);
    },

    mutate: async (tags, run) =>
      mutate(versions, checkTags('cacheAside: mutate was given', tags), run, settings),
    invalidateTags: async (tags) =>
      versions.invalidate(checkTags('cacheAside: invalidateTags was given', tags)),
    invalidateUrls: async (urls) =>
      versions.invalidate(checkNames('cacheAside: invalidateUrls was given', urls).flatMap(purgedUrlTags)),
    clear: () => versions.invalidate([EVERYTHING]),
  };
}

async function mutate<T>(
  versions: TagVersions,
  tags: readonly string[],
  run: () => Promise<T>,
  { onUnavailable, logger = consoleLogger }: AsideSettings,
): Promise<T> {
  let mutation: Mutation | undefined;
  try {
    mutation = await beginMutation(versions, tags);
  } catch (cause) {
    if (onUnavailable === 'refuse') throw refusedMutation(cause);
  }
  try {
    return await run();
  } finally {
    // Also after an error: a part of the change may have been made.
    await (mutation ? mutation.finish() : versions.invalidate(tags)).catch((err: unknown) => {
      logger.error({ err, tags }, 'a purge failed; the tags are not cached until their marks expire');
    });
  }
}
