import { isUnavailable } from '../errors.js';
import { consoleLogger } from '../logger.js';
import { readOptions } from '../read-options.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { fillTurns, type Turn } from '../single-flight/index.js';
import {
  beginMutation,
  checkNames,
  EVERYTHING,
  type Mutation,
  pinVersions,
  purgedUrlTags,
  refusedMutation,
  tagVersions,
} from '../tags/index.js';
import { monotonicNow } from '../timers.js';
import {
  type AsideSettings,
  type CacheAsideOptions,
  type CachedValueOptions,
  checks,
  defaults,
  readValueOptions,
} from './options.js';
import { checkKey, type Found, valueStore } from './value-store.js';

/** A cache for code: values by key and tag, under the same invalidations as cached responses. */
export interface CacheAside {
  /**
   * The value of a key; loaded, by one caller at a time in all processes, when it is not there. While Redis does not
   * answer it is loaded.
   */
  getOrLoad<T>(key: string, load: () => Promise<T>, options: CachedValueOptions): Promise<T>;
  /**
   * The value of a key, if it is cached and fresh. With the tags that it was stored under this takes one round trip,
   * without them two.
   */
  get<T>(key: string, tags?: readonly string[]): Promise<T | undefined>;
  /** Stores a value that was just read or written. */
  set(key: string, value: unknown, options: CachedValueOptions): Promise<void>;
  /** Makes the value of a key old. */
  del(key: string): Promise<void>;
  /**
   * Runs a change of what is cached under the tags. They are marked before and purged after it, so that nobody is
   * served the older value once this resolves, even if the process dies in between.
   */
  mutate<T>(tags: readonly string[], run: () => Promise<T>): Promise<T>;
  /** Makes old what is cached under the tags, values and responses. */
  invalidateTags(tags: readonly string[]): Promise<void>;
  /** Makes old the responses of these URLs (path and query). */
  invalidateUrls(urls: readonly string[]): Promise<void>;
  /** Makes everything old. */
  clear(): Promise<void>;
}

const keyTag = (key: string) => `key:${key}`;

/**
 * Caches what code loads, and invalidates what `cacheResponse` stores.
 *
 * @example
 * const cache = cacheAside(redis);
 * const user = await cache.getOrLoad(`user:${id}`, () => users.get(id), { ttlSeconds: 60, tags: [`user:${id}`] });
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; later `CACHE_KEY_INVALID`, `CACHE_VALUE_TOO_LARGE`
 */
export function cacheAside(redis: RedisClient, given: CacheAsideOptions = {}): CacheAside {
  const settings: AsideSettings = readOptions('cacheAside', { redis, ...given }, checks, defaults, ['redis']);
  linkTo(redis, settings.logger);
  const logger = settings.logger ?? consoleLogger;
  const versions = tagVersions(redis, settings);
  const turns = fillTurns(redis, versions, settings);
  const values = valueStore(redis, versions, settings);
  const tagsOf = (key: string, tags: readonly string[] = []) => [
    ...new Set([...tags, keyTag(key), EVERYTHING]),
  ];

  const fill = async <T>(
    key: string,
    load: () => Promise<T>,
    options: CachedValueOptions,
    turn: Turn,
  ): Promise<T> => {
    const began = monotonicNow();
    let value: T;
    try {
      value = await load();
    } catch (error) {
      turn.end('failed');
      throw error;
    }
    const pinned = pinVersions(tagsOf(key, options.tags), turn.start.versions);
    if (!pinned || value === undefined) {
      turn.end('unstorable');
      return value;
    }
    try {
      await values.store(key, value, pinned, options, Math.round(monotonicNow() - began));
      turn.end('stored');
    } catch (error) {
      turn.end('unstorable');
      if (!isUnavailable(error)) throw error;
    }
    return value;
  };

  /** What is cached, or the turn to load it; neither when Redis does not answer. */
  const ask = async <T>(
    key: string,
    tags: readonly string[],
    earlyRefresh?: number,
  ): Promise<{ found?: Found<T>; turn?: Turn }> => {
    try {
      for (;;) {
        const found = await values.find<T>(key, tags, earlyRefresh);
        if (found?.isFresh) return { found };
        const turn = await turns.take(`value ${key}`, tags, { patiently: !found });
        if (found || turn) return { ...(found && { found }), ...(turn && { turn }) };
      }
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return {};
    }
  };

  const begin = async (tags: readonly string[]): Promise<Mutation | undefined> => {
    try {
      return await beginMutation(versions, tags);
    } catch (cause) {
      if (settings.onUnavailable === 'refuse') throw refusedMutation(cause);
      return undefined;
    }
  };

  return {
    async getOrLoad<T>(key: string, load: () => Promise<T>, options: CachedValueOptions): Promise<T> {
      checkKey(key);
      const { earlyRefresh } = readValueOptions(options);
      const { found, turn } = await ask<T>(key, tagsOf(key, options.tags), earlyRefresh);
      const filling = turn && fill(key, load, options, turn);
      if (!found) return filling ?? load();
      // The next caller tries again.
      filling?.catch(() => undefined);
      return found.value;
    },

    async get<T>(key: string, tags?: readonly string[]): Promise<T | undefined> {
      checkKey(key);
      if (tags) checkNames('cacheAside: get was given', tags);
      const found = await values.find<T>(key, tagsOf(key, tags)).catch((error: unknown) => {
        if (!isUnavailable(error)) throw error;
        return undefined;
      });
      return found?.isFresh ? found.value : undefined;
    },

    async set(key, value, options) {
      checkKey(key);
      readValueOptions(options);
      const tags = tagsOf(key, options.tags);
      const pinned = pinVersions(tags, await versions.readOrCreate(tags));
      if (pinned) await values.store(key, value, pinned, options);
    },

    async del(key) {
      checkKey(key);
      await versions.invalidate([keyTag(key)]);
    },

    async mutate(tags, run) {
      const mutation = await begin(checkNames('cacheAside: mutate was given', tags));
      try {
        return await run();
      } finally {
        // Also after an error: a part of the change may have been made.
        await (mutation ? mutation.finish() : versions.invalidate(tags)).catch((err: unknown) => {
          logger.error({ err, tags }, 'a purge failed; the tags are not cached until their marks expire');
        });
      }
    },

    invalidateTags: async (tags) =>
      versions.invalidate(checkNames('cacheAside: invalidateTags was given', tags)),
    invalidateUrls: async (urls) =>
      versions.invalidate(checkNames('cacheAside: invalidateUrls was given', urls).flatMap(purgedUrlTags)),
    clear: () => versions.invalidate([EVERYTHING]),
  };
}
