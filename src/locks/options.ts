import { ToolkitError } from '../errors.js';
import type { Logger } from '../logger.js';
import { anAbortSignal, aWholeNumber, connectionChecks, readOptions } from '../read-options.js';
import type { RedisClient } from '../redis/index.js';

const SHORTEST_MS = 50;
const DAY_MS = 24 * 3_600_000;

/** Options of `withLock`. */
export interface LockOptions {
  /**
   * How long the lock outlives a crashed holder, in milliseconds, 50 to 86400000. While the function runs the lock is
   * renewed every third of that time.
   */
  readonly ttlMs: number;
  /**
   * Milliseconds to wait while another holder has the lock; 0 to try once.
   * @default 10000
   */
  readonly waitMs?: number;
  /**
   * When aborted, a wait ends with the signal's reason, and the signal of a running function is aborted too.
   * @default none
   */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds to wait for Redis' answer to each command.
   * @default 250
   */
  readonly timeoutMs?: number;
  /**
   * The prefix of every key and channel in Redis.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Receives one message per outage.
   * @default console
   */
  readonly logger?: Logger;
}

export const defaults = { waitMs: 10_000, timeoutMs: 250, prefix: '' } satisfies Partial<LockOptions>;

const checks = {
  redis: connectionChecks.redis,
  prefix: connectionChecks.prefix,
  logger: connectionChecks.logger,
  timeoutMs: connectionChecks.timeoutMs,
  ttlMs: aWholeNumber('milliseconds', DAY_MS, SHORTEST_MS),
  waitMs: aWholeNumber('milliseconds', DAY_MS),
  signal: anAbortSignal,
};

const KEPT = 'leave it out: the lock is renewed while the function runs';

const hints = {
  duration: 'use "ttlMs"',
  expire: 'use "ttlMs"',
  leaseMs: 'use "ttlMs"',
  retryCount: 'use "waitMs"',
  retries: 'use "waitMs"',
  retryDelay: 'leave it out: nobody polls; see "waitMs"',
  retryJitter: 'leave it out: nobody polls; see "waitMs"',
  acquireTimeout: 'use "waitMs"',
  lockTimeout: 'use "waitMs"',
  driftFactor: 'leave it out: see "fencing"',
  automaticExtensionThreshold: KEPT,
  refreshInterval: KEPT,
};

export type LockSettings = LockOptions &
  Required<Pick<LockOptions, keyof typeof defaults>> & { readonly redis: RedisClient };

/** @throws ToolkitError `LOCK_UNBOUNDED`, `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readLockOptions(
  redis: RedisClient,
  resource: unknown,
  given: LockOptions,
  run: unknown,
): LockSettings {
  const unbounded = given?.ttlMs === undefined || given.ttlMs === null || given.ttlMs === Infinity;
  if (unbounded || given.ttlMs === 0) {
    throw new ToolkitError(
      'LOCK_UNBOUNDED',
      'withLock: option "ttlMs" is required and must be finite: how long the lock outlives a crashed holder, in milliseconds',
    );
  }
  if (typeof resource !== 'string' || resource === '') {
    throw new ToolkitError('OPTION_INVALID', 'withLock: the resource must be a non-empty string');
  }
  if (typeof run !== 'function') {
    throw new ToolkitError('OPTION_INVALID', 'withLock: the last argument must be the function to run');
  }
  return readOptions('withLock', { redis, ...given }, checks, defaults, ['redis', 'ttlMs'], hints);
}
