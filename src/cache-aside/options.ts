import type { Logger } from '../logger.js';
import {
  aListOfStrings,
  aNumber,
  aPositiveInteger,
  aWholeNumber,
  connectionChecks,
  oneOf,
  readOptions,
} from '../read-options.js';
import type { RedisClient } from '../redis/index.js';

/** Options of `cacheAside`. */
export interface CacheAsideOptions {
  /**
   * When Redis cannot take the mark of a mutation: refuse to run it, or run it at the risk of stale values until
   * their `ttlSeconds` are over.
   * @default 'refuse'
   */
  readonly onUnavailable?: 'refuse' | 'proceed';
  /**
   * A Redis that comes back may come back with an older state: `forget` begins with a cold cache then, `keep` risks
   * stale answers until their time is over.
   * @default 'forget'
   */
  readonly onRestart?: 'forget' | 'keep';
  /**
   * How many replicas must have heard of a mark or a purge (`WAIT`) before it counts as made, so that a failover brings
   * back no older state. Fewer within half of `timeoutMs`: as if Redis were unavailable. The connection is held up
   * meanwhile; give it one of its own.
   * @default 0
   */
  readonly waitForReplicas?: number;
  /**
   * Milliseconds to wait for Redis; after that a value is loaded as if there were no cache.
   * @default 100
   */
  readonly timeoutMs?: number;
  /**
   * In front of every key in Redis; the same as `cacheResponse` has.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Told of outages and of purges that failed.
   * @default console
   */
  readonly logger?: Logger;
}

/** How a value is cached. */
export interface CachedValueOptions {
  /** Seconds for which the value is fresh. */
  readonly ttlSeconds: number;
  /**
   * Names under which it is invalidated.
   * @default none but its key
   */
  readonly tags?: readonly string[];
  /**
   * Seconds after `ttlSeconds` for which the old value is given at once, while one caller loads a new one. Never
   * after an invalidation.
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * How eagerly the value is loaded anew in the background shortly before `ttlSeconds` are over, by one caller and by
   * chance: the β of XFetch. 1 is right for most, 0 turns it off.
   * @default 0
   */
  readonly earlyRefresh?: number;
}

export const defaults = {
  onUnavailable: 'refuse',
  waitForReplicas: 0,
  onRestart: 'forget',
  timeoutMs: 100,
  prefix: '',
} satisfies CacheAsideOptions;

export const valueDefaults = { staleSeconds: 0, earlyRefresh: 0 } satisfies Partial<CachedValueOptions>;

export const checks = {
  redis: connectionChecks.redis,
  prefix: connectionChecks.prefix,
  timeoutMs: connectionChecks.timeoutMs,
  logger: connectionChecks.logger,
  onRestart: oneOf('forget', 'keep'),
  onUnavailable: oneOf('refuse', 'proceed'),
  waitForReplicas: aWholeNumber('replicas', 100),
};

const valueChecks = {
  ttlSeconds: aPositiveInteger('seconds', 10 * 365 * 86_400),
  tags: aListOfStrings,
  staleSeconds: aWholeNumber('seconds', 10 * 365 * 86_400),
  earlyRefresh: aNumber('a number', 1_000),
};

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export const readValueOptions = (given: CachedValueOptions) =>
  readOptions('cacheAside', given, valueChecks, valueDefaults, ['ttlSeconds']);

export type AsideSettings = Required<Omit<CacheAsideOptions, 'logger'>> & {
  readonly redis: RedisClient;
  readonly logger?: Logger;
};
