import type { Logger } from '../logger.js';
import {
  aFunction,
  aListOfStrings,
  aNumber,
  anyOf,
  anything,
  aPositiveInteger,
  aWholeNumber,
  connectionChecks,
  oneOf,
  readOptions,
  type WithDefaults,
} from '../read-options.js';
import type { RedisClient } from '../redis/index.js';
import type { CacheState } from './cache-state.js';
import type { NearValuesOptions } from './near-options.js';

export const LONGEST_SECONDS = 10 * 365 * 86_400;

/** Options of `cacheAside`. */
export interface CacheAsideOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Seconds for which a value is fresh if its own options have no `ttlSeconds`.
   * @default none: each value needs its own
   */
  readonly ttlSeconds?: number;
  /**
   * The `staleSeconds` of a value whose own options have none.
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * The `earlyRefresh` of a value whose own options have none.
   * @default 0
   */
  readonly earlyRefresh?: number;
  /**
   * When Redis cannot set the marks of a change: `refuse` does not run it, `proceed` runs it, and callers may get
   * stale values until their `ttlSeconds` are over.
   * @default 'refuse'
   */
  readonly onUnavailable?: 'refuse' | 'proceed';
  /**
   * After a restart Redis may hold old data. `forget`: ignore everything cached before. `keep`: use it, and perhaps
   * return stale values until they expire.
   * @default 'forget'
   */
  readonly onRestart?: 'forget' | 'keep';
  /**
   * How many replicas must acknowledge a mark or a purge (`WAIT`), so that a failover brings back no older state. If fewer
   * do so within half of `timeoutMs`, Redis counts as unavailable. `WAIT` blocks the connection: give a client of its own.
   * @default 0
   */
  readonly waitForReplicas?: number;
  /**
   * Milliseconds to wait for an answer of Redis. After that a value is loaded as if there were no cache.
   * @default 100
   */
  readonly timeoutMs?: number;
  /**
   * Milliseconds to wait at most while another caller loads the same value. After that the value is loaded beside it.
   * @default 10000
   */
  readonly waitMs?: number;
  /**
   * Bytes of JSON of the largest value. A larger one is refused (`CACHE_VALUE_TOO_LARGE`): while Redis moves it,
   * everybody else waits.
   * @default 1000000
   */
  readonly maxValueBytes?: number;
  /**
   * Keep values in the memory of this process too, for `getOrLoad` and `get`; each `cacheAside` has its own.
   * @default none
   */
  readonly nearCache?: NearValuesOptions;
  /**
   * Prefix of every key in Redis; give `cacheResponse` the same.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Receives one message per outage and one per purge that failed.
   * @default console
   */
  readonly logger?: Logger;
}

/** How a value is cached. */
export interface CachedValueOptions<Value = unknown> {
  /**
   * Seconds for which the value is fresh, or a function of the value that returns them. A value for which it returns 0 or
   * less is not cached.
   * @default that of `cacheAside`
   */
  readonly ttlSeconds?: number | ((value: Value) => number | Promise<number>);
  /**
   * Names under which it is invalidated.
   * @default none but its key
   */
  readonly tags?: readonly string[];
  /**
   * Seconds after `ttlSeconds` during which callers get the old value at once while one of them loads a new one. Never
   * after an invalidation.
   * @default that of `cacheAside`
   */
  readonly staleSeconds?: number;
  /**
   * Refresh popular values in the background before they expire. 0 = off, 1 = recommended, more = earlier (β of
   * XFetch).
   * @default that of `cacheAside`
   */
  readonly earlyRefresh?: number;
  /**
   * Milliseconds for which this call of `getOrLoad` waits at most while another caller loads the value; no more than
   * `cacheAside` has.
   * @default that of `cacheAside`
   */
  readonly waitMs?: number;
}

/** How a value is cached: its own options, and those of `cacheAside` in the gaps. */
export type ValueSettings<Value> = CachedValueOptions<Value> &
  Required<Omit<CachedValueOptions<Value>, 'tags'>>;

/** How `set` stores a value. */
export interface StoredValueOptions<Value = unknown> extends CachedValueOptions<Value> {
  /** From the `get` that was called before the value was read. */
  readonly since: CacheState;
}

export const defaults = {
  staleSeconds: 0,
  earlyRefresh: 0,
  onUnavailable: 'refuse',
  waitForReplicas: 0,
  onRestart: 'forget',
  timeoutMs: 100,
  waitMs: 10_000,
  maxValueBytes: 1_000_000,
  prefix: '',
} satisfies Partial<CacheAsideOptions>;

const longestWait = 3_600_000;
const staleSeconds = aWholeNumber('seconds', LONGEST_SECONDS);
const earlyRefresh = aNumber('a number', 1_000);
const ttlSeconds = aPositiveInteger('seconds', LONGEST_SECONDS);

export const checks = {
  ...connectionChecks,
  ttlSeconds,
  staleSeconds,
  earlyRefresh,
  waitMs: aPositiveInteger('milliseconds', longestWait),
  // Redis takes no longer text.
  maxValueBytes: aPositiveInteger('bytes', 512 * 1_048_576),
  nearCache: anything,
  onRestart: oneOf('forget', 'keep'),
  onUnavailable: oneOf('refuse', 'proceed'),
  waitForReplicas: aWholeNumber('replicas', 100),
};

/** Reads the options of values, with those of `cacheAside` as defaults. */
const JSON_ONLY = 'leave it out: values are stored as JSON';

export const hints = {
  ttl: 'use "ttlSeconds", in seconds',
  stdTTL: 'use "ttlSeconds"',
  maxAge: 'use "ttlSeconds"',
  expires: 'use "ttlSeconds"',
  duration: 'use "ttlSeconds"',
  refreshThreshold: 'use "earlyRefresh"',
  stale: 'use "staleSeconds"',
  staleTtl: 'use "staleSeconds"',
  grace: 'use "staleSeconds"',
  staleWhileRevalidate: 'use "staleSeconds"',
  tags: 'give it with each value',
  serialize: JSON_ONLY,
  deserialize: JSON_ONLY,
  serializer: JSON_ONLY,
  transformer: JSON_ONLY,
  l1: 'use "nearCache"',
  lru: 'use "nearCache"',
  max: 'leave it out: Redis evicts by its maxmemory',
  lock: 'leave it out: one call loads, and the others wait for its value',
  dedupe: 'leave it out: one call loads, and the others wait for its value',
  nonBlocking: 'use "onUnavailable"',
};

export function valueOptionsReader(settings: AsideSettings) {
  const own = {
    staleSeconds: settings.staleSeconds,
    earlyRefresh: settings.earlyRefresh,
    waitMs: settings.waitMs,
  };
  const valueDefaults = settings.ttlSeconds === undefined ? own : { ...own, ttlSeconds: settings.ttlSeconds };
  const valueChecks = {
    ttlSeconds: anyOf(ttlSeconds, aFunction),
    tags: aListOfStrings,
    staleSeconds,
    earlyRefresh,
    // Nobody waits longer: the fill that the others wait for counts as hanging then.
    waitMs: aPositiveInteger('milliseconds', settings.waitMs),
  };
  /** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
  return <T>(given: CachedValueOptions<T> = {}): ValueSettings<T> =>
    readOptions('cacheAside', given, valueChecks, valueDefaults, ['ttlSeconds'], hints) as ValueSettings<T>;
}

export type AsideSettings = WithDefaults<CacheAsideOptions, typeof defaults>;
