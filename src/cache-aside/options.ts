import type { Logger } from '../logger.js';
import {
  aFunction,
  aListOfStrings,
  aNumber,
  anyOf,
  aPositiveInteger,
  aWholeNumber,
  connectionChecks,
  oneOf,
  readOptions,
} from '../read-options.js';
import type { RedisClient } from '../redis/index.js';
import type { CacheState } from './cache-state.js';

export const LONGEST_SECONDS = 10 * 365 * 86_400;

/** Options of `cacheAside`. */
export interface CacheAsideOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * When Redis cannot set the marks of a mutation: `refuse` does not run it, `proceed` runs it, and callers may get
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
   * How many replicas must have acknowledged a mark or a purge (`WAIT`), so that a failover brings back no older state.
   * Fewer within half of `timeoutMs` count as an unavailable Redis. `WAIT` blocks the connection, so use a client of its
   * own.
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
   */
  readonly ttlSeconds: number | ((value: Value) => number | Promise<number>);
  /**
   * Names under which it is invalidated.
   * @default none but its key
   */
  readonly tags?: readonly string[];
  /**
   * Seconds after `ttlSeconds` during which callers get the old value at once while one of them loads a new one. Never
   * after an invalidation.
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * Refresh popular values in the background before they expire. 0 = off, 1 = recommended, more = earlier (β of
   * XFetch).
   * @default 0
   */
  readonly earlyRefresh?: number;
}

/** How `set` stores a value. */
export interface StoredValueOptions<Value = unknown> extends CachedValueOptions<Value> {
  /** From the `get` that was called before the value was read. */
  readonly since: CacheState;
}

export const defaults = {
  onUnavailable: 'refuse',
  waitForReplicas: 0,
  onRestart: 'forget',
  timeoutMs: 100,
  waitMs: 10_000,
  prefix: '',
} satisfies Partial<CacheAsideOptions>;

export const valueDefaults = { staleSeconds: 0, earlyRefresh: 0 } satisfies Partial<CachedValueOptions>;

export const checks = {
  ...connectionChecks,
  waitMs: aPositiveInteger('milliseconds', 3_600_000),
  onRestart: oneOf('forget', 'keep'),
  onUnavailable: oneOf('refuse', 'proceed'),
  waitForReplicas: aWholeNumber('replicas', 100),
};

const valueChecks = {
  ttlSeconds: anyOf(aPositiveInteger('seconds', LONGEST_SECONDS), aFunction),
  tags: aListOfStrings,
  staleSeconds: aWholeNumber('seconds', LONGEST_SECONDS),
  earlyRefresh: aNumber('a number', 1_000),
};

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export const readValueOptions = <T>(given: CachedValueOptions<T>) =>
  readOptions('cacheAside', given, valueChecks, valueDefaults, ['ttlSeconds']);

export type AsideSettings = Required<Omit<CacheAsideOptions, 'logger'>> & {
  readonly logger?: Logger;
};
