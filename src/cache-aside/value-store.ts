import { ToolkitError, tooLarge } from '../errors.js';
import { isDueEarly } from '../http/early-refresh.js';
import { isToolkits, keys } from '../keys.js';
import { linkTo, type RedisClient, type RedisLink } from '../redis/index.js';
import { asOwnTag, EVERYTHING, type PinnedVersions, type TagVersions } from '../tags/index.js';
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

export interface FoundValue<T> {
  readonly value: T;
  /** Nobody has to load it again. */
  readonly isFresh: boolean;
}

/** The tag by which the value of a key is invalidated. */
export const keyTag = (key: string): string => `key:${key}`;

/** All tags of a value: those of its options, its key's, and the tag of everything. */
export const tagsOfValue = (key: string, tags: readonly string[] = []): readonly string[] => [
  ...new Set([...tags.map(asOwnTag), keyTag(key), EVERYTHING]),
];

/** Values under `<entity>:<id>`, each with the versions of its tags. */
export class ValueStore {
  readonly #link: RedisLink;
  readonly #versions: TagVersions;
  readonly #nameOf: (key: string) => string;
  readonly #ask: { readonly timeoutMs: number };

  constructor(
    redis: RedisClient,
    versions: TagVersions,
    { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
  ) {
    this.#link = linkTo(redis);
    this.#versions = versions;
    this.#nameOf = keys(prefix).value;
    this.#ask = { timeoutMs };
  }

  async find<T>(key: string, tags: readonly string[], earlyRefresh = 0): Promise<FoundValue<T> | undefined> {
    const [json, current] = await Promise.all([
      this.#link.send<string | null>('get', [this.#nameOf(key)], this.#ask),
      this.#versions.read(tags),
    ]);
    const stored = json === null ? undefined : parsedValue<T>(json);
    if (!stored) return undefined;
    // The value may have been stored with other tags than the caller has given.
    const others = Object.keys(stored.versions).filter((tag) => !tags.includes(tag));
    const all = [...current, ...(others.length > 0 ? await this.#versions.read(others) : [])];
    const isCurrent = [...tags, ...others].every(
      (tag, position) => all[position] !== null && stored.versions[tag] === all[position],
    );
    if (!isCurrent) return undefined;
    const left = stored.freshUntil - Date.now();
    const isFresh = left > 0 && !isDueEarly({ left, cost: stored.loadMs ?? 0 }, earlyRefresh);
    return { value: stored.value, isFresh };
  }

  async store(
    key: string,
    value: unknown,
    pinned: PinnedVersions,
    { ttlSeconds, staleSeconds = 0 }: CachedValueOptions,
    loadMs = 0,
  ): Promise<void> {
    const freshUntil = Date.now() + ttlSeconds * 1000;
    const stored: StoredValue<unknown> = { value, freshUntil, loadMs, versions: pinned };
    const json = JSON.stringify(stored);
    const bytes = Buffer.byteLength(json);
    if (bytes > LARGEST_VALUE_BYTES)
      throw tooLarge('CACHE_VALUE_TOO_LARGE', `cacheAside: the value of "${key}"`, {
        bytes,
        maxBytes: LARGEST_VALUE_BYTES,
        advice: 'cache parts of it',
      });
    const expiryMs = Math.ceil((ttlSeconds + staleSeconds) * 1000);
    await this.#link.send('set', [this.#nameOf(key), json, 'PX', expiryMs], this.#ask);
  }
}

/** @throws ToolkitError `CACHE_KEY_INVALID` */
export function checkKey(key: unknown): asserts key is string {
  const entity = typeof key === 'string' ? KEY.exec(key)?.[1] : undefined;
  if (entity !== undefined && !isToolkits(entity)) return;
  const why =
    entity === undefined
      ? 'must be "<entity>:<id>", e.g. "user:7"'
      : `the entity "${entity}" belongs to the toolkit: choose another`;
  throw new ToolkitError('CACHE_KEY_INVALID', `cacheAside: key ${JSON.stringify(key)}: ${why}`);
}

// A value under the key that was not stored by cacheAside is a miss, not an error.
function parsedValue<T>(json: string): StoredValue<T> | undefined {
  try {
    const stored = JSON.parse(json) as StoredValue<T> | null;
    return stored?.versions && 'value' in stored ? stored : undefined;
  } catch {
    return undefined;
  }
}
