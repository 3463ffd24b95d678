import { type InspectedEntry, inspectEntries } from '../cache/index.js';
import { shortId } from '../keys.js';
import type { RedisClient } from '../redis/index.js';
import {
  checkTags,
  checkUrls,
  EVERYTHING,
  normalisedUrl,
  purgedUrlTags,
  tagVersions,
} from '../tags/index.js';

/** What to purge. */
export interface PurgeTargets {
  /** Tags, as the options `tags` of the middlewares name them. */
  readonly tags?: readonly string[];
  /** Paths with their query, or whole URLs; the host does not count. */
  readonly urls?: readonly string[];
  /** Keys of `cacheAside`. */
  readonly keys?: readonly string[];
}

/** Purges what is cached, and tells about an entry. */
export interface CacheActions {
  /** Resolves to the number of tags that were invalidated. */
  purge(targets: PurgeTargets): Promise<number>;
  clear(): Promise<void>;
  /** Entries by URL with its origin (`https://example.com/users/7`), or by the result of the option `key`. */
  inspect(urlOrKey: string): Promise<InspectedEntry[]>;
}

export function cacheActions(redis: RedisClient, where: { prefix: string; timeoutMs: number }): CacheActions {
  const versions = tagVersions(redis, where);
  return {
    async purge({ tags = [], urls = [], keys = [] }) {
      const purged = new Set([
        ...checkTags('ops', tags),
        ...checkUrls('ops: the URLs to purge are', urls).flatMap(purgedUrlTags),
        ...keys.map((key) => `key:${key}`),
      ]);
      if (purged.size > 0) await versions.invalidate([...purged]);
      return purged.size;
    },

    clear: () => versions.invalidate([EVERYTHING]),

    async inspect(urlOrKey) {
      const url = URL.canParse(urlOrKey) && /^https?:/.test(urlOrKey) ? new URL(urlOrKey) : undefined;
      if (!url) return inspectEntries(redis, where, shortId(urlOrKey));
      const target = urlOrKey.slice(urlOrKey.indexOf('://') + 3).replace(/^[^/?#]*/, '');
      const id = `GET:${url.origin}${normalisedUrl(target)}`;
      const found = await inspectEntries(redis, where, shortId(id));
      // With `queryParams` a cache may ignore what is in the query.
      const path = shortId(id.split('?', 1)[0]!);
      return found.length > 0 || path === id ? found : inspectEntries(redis, where, path);
    },
  };
}
