import { ToolkitError } from '../errors.js';
import type { FallbackReporter } from '../fallback-reporter.js';
import { kindOf } from '../kind-of.js';
import { checkNames, type TagVersions } from '../tags/index.js';
import { monotonicNow } from '../timers.js';
import { CacheState } from './cache-state.js';
import { unlessAway } from './redis-unavailable.js';
import { publishLookup } from './value-events.js';
import { checkKey, tagsOfValue, type ValueStore, type WantedValue } from './value-store.js';

// One command reads them all, and Redis answers nobody else meanwhile.
const MOST_KEYS = 1_000;

/** The answer of `get`. */
export interface CachedValue<T> {
  readonly value: T | undefined;
  /** The state of the cache at the call of `get`, for `set`. */
  readonly since: CacheState;
}

/** The answer of `getMany`. */
export interface CachedValues<T> {
  /** The fresh values by key, in the order of the keys. A key without a fresh value is missing. */
  readonly values: Map<string, T>;
  /** The state of the cache at the call of `getMany`, for each `set`. */
  readonly since: CacheState;
}

/** The tags of the values of several keys: the same for all, or a function of the key. */
export type TagsByKey = readonly string[] | ((key: string) => readonly string[]);

/** The store of the values, the versions of their tags, and the reporter of an absent Redis. */
export interface ValueSource {
  readonly versions: TagVersions;
  readonly values: ValueStore;
  readonly reporter: FallbackReporter;
}

/** Reads one value and the state of the cache. While Redis is away there is none, and nothing can be stored. */
export async function readValue<T>(
  source: ValueSource,
  key: string,
  given: readonly string[] | undefined,
): Promise<CachedValue<T>> {
  checkKey(key);
  if (given) checkNames('cacheAside: get was given', given);
  const { values, since } = await readWanted<T>(source, [{ key, tags: tagsOfValue(key, given) }]);
  return { value: values.get(key), since };
}

/** The same for several keys, in as many round trips as for one. */
export async function readValues<T>(
  source: ValueSource,
  keys: readonly string[],
  given: TagsByKey | undefined,
): Promise<CachedValues<T>> {
  checkKeys(keys);
  const tagsOf = (key: string) => (typeof given === 'function' ? given(key) : (given ?? []));
  const wanted = keys.map((key) => ({
    key,
    tags: tagsOfValue(key, checkNames('cacheAside: getMany was given', tagsOf(key))),
  }));
  return readWanted<T>(source, wanted);
}

async function readWanted<T>(
  { versions, values, reporter }: ValueSource,
  wanted: readonly WantedValue[],
): Promise<CachedValues<T>> {
  const tags = [...new Set(wanted.flatMap((one) => one.tags))];
  const askedAt = monotonicNow();
  const reading = Promise.all([CacheState.now(versions, tags), values.findAll<T>(wanted)]);
  const read = await unlessAway(reading, reporter);
  if (read === 'away') {
    for (const { key } of wanted) publishLookup(key, 'away', askedAt);
    return { values: new Map(), since: CacheState.unknown() };
  }
  const [since, found] = read;
  const fresh = wanted.flatMap(({ key }, position) => {
    const one = found[position];
    publishLookup(key, one?.isFresh ? one : undefined, askedAt);
    return one?.isFresh ? [[key, one.value] as const] : [];
  });
  return { values: new Map(fresh), since };
}

function checkKeys(keys: unknown): asserts keys is readonly string[] {
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) {
    const given = Array.isArray(keys) ? `${keys.length} keys` : kindOf(keys);
    throw new ToolkitError(
      'CACHE_KEY_INVALID',
      `cacheAside: getMany was given ${given}: give a list of at most ${MOST_KEYS} keys`,
    );
  }
  for (const key of keys) checkKey(key);
}
