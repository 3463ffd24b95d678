import { ToolkitError, tooLarge } from '../errors.js';
import { isDueEarly } from '../http/early-refresh.js';
import { isToolkits, keys } from '../keys.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import type { PinnedVersions, TagVersions } from '../tags/index.js';
import type { CachedValueOptions } from './options.js';

const LARGEST_VALUE_BYTES = 1_000_000;
const KEY = /^([a-z][\w-]*):./i;

/** A value in Redis: plain JSON, readable from any language. */
interface StoredValue<T> {
  readonly value: T;
  readonly freshUntil: number;
  /** How long it took to load. */
  readonly loadMs?: number;
  readonly versions: PinnedVersions;
}

export interface Found<T> {
  readonly value: T;
  /** Nobody has to load it anew. */
  readonly isFresh: boolean;
}

/** Values under `<entity>:<id>`, each with the versions of its tags. */
export function valueStore(
  redis: RedisClient,
  versions: TagVersions,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
) {
  const link = linkTo(redis);
  const names = keys(prefix);

  return {
    async find<T>(key: string, tags: readonly string[], earlyRefresh = 0): Promise<Found<T> | undefined> {
      const [json, current] = await Promise.all([
        link.send<string | null>('get', [names.value(key)], { timeoutMs }),
        versions.read(tags),
      ]);
      const stored = json === null ? undefined : parsed<T>(json);
      if (!stored) return undefined;
      // Whoever stored it may have given it other tags than whoever asks.
      const others = Object.keys(stored.versions).filter((tag) => !tags.includes(tag));
      const all = [...current, ...(others.length > 0 ? await versions.read(others) : [])];
      const isCurrent = [...tags, ...others].every(
        (tag, position) => all[position] !== null && stored.versions[tag] === all[position],
      );
      if (!isCurrent) return undefined;
      const left = stored.freshUntil - Date.now();
      const isFresh = left > 0 && !isDueEarly({ left, cost: stored.loadMs ?? 0 }, earlyRefresh);
      return { value: stored.value, isFresh };
    },

    async store(
      key: string,
      value: unknown,
      pinned: PinnedVersions,
      { ttlSeconds, staleSeconds = 0 }: CachedValueOptions,
      loadMs = 0,
    ): Promise<void> {
      const freshUntil = Date.now() + ttlSeconds * 1000;
      const json = JSON.stringify({
        value,
        freshUntil,
        loadMs,
        versions: pinned,
      } satisfies StoredValue<unknown>);
      const bytes = Buffer.byteLength(json);
      if (bytes > LARGEST_VALUE_BYTES)
        throw tooLarge('CACHE_VALUE_TOO_LARGE', `cacheAside: the value of "${key}"`, {
          bytes,
          maxBytes: LARGEST_VALUE_BYTES,
          advice: 'cache parts of it',
        });
      const expiryMs = Math.ceil((ttlSeconds + staleSeconds) * 1000);
      await link.send('set', [names.value(key), json, 'PX', expiryMs], { timeoutMs });
    },
  };
}

/** @throws ToolkitError `CACHE_KEY_INVALID` */
export function checkKey(key: unknown): asserts key is string {
  const entity = typeof key === 'string' ? KEY.exec(key)?.[1] : undefined;
  if (entity !== undefined && !isToolkits(entity)) return;
  const why =
    entity === undefined ? 'must be "<entity>:<id>", e.g. "user:7"' : `"${entity}" is the toolkit's own`;
  throw new ToolkitError('CACHE_KEY_INVALID', `cacheAside: key ${JSON.stringify(key)}: ${why}`);
}

// Something else under the key is a miss, not an error.
function parsed<T>(json: string): StoredValue<T> | undefined {
  try {
    const stored = JSON.parse(json) as StoredValue<T> | null;
    return stored?.versions && 'value' in stored ? stored : undefined;
  } catch {
    return undefined;
  }
}
