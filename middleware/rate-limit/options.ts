import type { NextFunction, Request, Response } from 'express';
import { serializeItem } from 'structured-headers';
import type { Algorithm, Quota } from '../../src/limits/index.js';
import type { Logger } from '../../src/logger.js';
import {
  aBoolean,
  aFunction,
  anyOf,
  aPositiveInteger,
  aString,
  aWholeNumber,
  type Check,
  connectionChecks,
  oneOf,
  type WithDefaults,
} from '../../src/read-options.js';
import type { RedisClient } from '../../src/redis/index.js';

/** A value, or a function of the request that returns it or a promise of it. */
export type PerRequest<T> = T | PerRequestFunction<T>;

export type PerRequestFunction<T> = (req: Request, res: Response) => T | PromiseLike<T>;

/** Identifies a client. Numbers and bigints are the same key as their text. */
export type RateLimitKey = string | number | bigint;

/** The content of `req.rateLimit`: the quota closest to its limit, and the quotas of all policies. */
export interface RateLimitInfo {
  readonly limit: number;
  /** The same as `used`. */
  readonly current: number;
  /**
   * What the client has used of the limit. A refusal charges nothing, but as in express-rate-limit `used` is `limit + 1`
   * at the first refusal since this process last admitted the client, and grows with each further one.
   */
  readonly used: number;
  readonly remaining: number;
  /** When more of the quota will be available. */
  readonly resetTime: Date;
  readonly key: string;
  readonly policies: readonly Quota[];
}

// Here, because who imports the package sees this file.
declare global {
  namespace Express {
    interface Request {
      /** The client's quota. Undefined at run time where no limiter ran, or the limiter skipped the request. */
      rateLimit: RateLimitInfo;
    }
  }
}

/** One of several policies of a limiter. */
export interface RateLimitPolicy {
  /** Part of the key in Redis and of the `RateLimit` headers; printable ASCII. */
  readonly name: string;
  /** Maximum number of requests, or points of cost, in any window. 0 admits none; `Infinity` is unlimited. */
  readonly limit: PerRequest<number>;
  /** Length of the window in milliseconds. */
  readonly windowMs: PerRequest<number>;
  /**
   * How the window is counted.
   * @default the limiter's `algorithm`
   */
  readonly algorithm?: Algorithm;
}

/** The options that `handler` receives, completed by the defaults. */
export type RateLimitHandlerSettings = RateLimitOptions &
  Required<
    Pick<
      RateLimitOptions,
      'windowMs' | 'limit' | 'identifier' | 'message' | 'statusCode' | 'requestPropertyName'
    >
  >;

/** Options of `rateLimit`. Names and meanings are those of express-rate-limit where it has them. */
export interface RateLimitOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Length of the window in milliseconds.
   * @default 60000
   */
  readonly windowMs?: PerRequest<number>;
  /**
   * Maximum number of requests of a client in any window. 0 admits none; `Infinity` is unlimited.
   * @default 5
   */
  readonly limit?: PerRequest<number>;
  /**
   * The old name of `limit`. If both are given, `limit` counts.
   * @default `limit`
   */
  readonly max?: PerRequest<number>;
  /**
   * Several policies instead of one `limit` and `windowMs`. A request is admitted if all of them admit it, and is charged
   * to all or to none.
   * @default one policy, of `identifier`, `limit` and `windowMs`
   */
  readonly policies?: readonly RateLimitPolicy[];
  /**
   * `sliding-window`: look back `windowMs` from any moment, and never more than `limit` was admitted. `fixed-window`: up
   * to twice as much around the end of a window. `token-bucket`: bursts up to `limit`, refilled evenly over `windowMs`.
   * @default 'sliding-window'
   */
  readonly algorithm?: Algorithm;
  /**
   * What a request costs, in whole points of the limit.
   * @default 1
   */
  readonly cost?: PerRequest<number>;
  /**
   * The name of the single policy, in its key in Redis and in the `RateLimit` headers. Limiters with the same name,
   * window, algorithm and prefix count together. A function names the policy in the headers alone.
   * @default 'default'
   */
  readonly identifier?: PerRequest<string>;
  /**
   * Returns the client whose limit a request counts against.
   * @default the client's IP address, IPv6 cut to `ipv6Subnet`; requests without an address share one limit
   */
  readonly keyGenerator?: (req: Request, res: Response) => RateLimitKey | PromiseLike<RateLimitKey>;
  /**
   * The number of leading bits of an IPv6 address that identify a client, 32 to 64, or false for the whole address. Not
   * together with `keyGenerator`.
   * @default 56
   */
  readonly ipv6Subnet?: PerRequest<number | false>;
  /**
   * Requests for which this returns true are not limited.
   * @default no request is skipped
   */
  readonly skip?: (req: Request, res: Response) => boolean | PromiseLike<boolean>;
  /**
   * Answers a refused request.
   * @default `statusCode` with `message`, or problem+json (RFC 9457) to a client that accepts it
   */
  readonly handler?: (
    req: Request,
    res: Response,
    next: NextFunction,
    options: RateLimitHandlerSettings,
  ) => unknown;
  /**
   * Body of a refusal: a text, an object to be sent as JSON, or a function of the request that returns either.
   * @default 'Too many requests, please try again later.'
   */
  readonly message?: PerRequest<unknown>;
  /**
   * Status of a refusal.
   * @default 429
   */
  readonly statusCode?: number;
  /**
   * The `RateLimit` headers: a version of draft-ietf-httpapi-ratelimit-headers, true for `draft-6`, false for none. Without
   * these and the legacy headers a refusal has no `Retry-After` either.
   * @default 'draft-11'
   */
  readonly standardHeaders?: 'draft-6' | 'draft-7' | 'draft-8' | 'draft-11' | boolean;
  /**
   * Send `X-RateLimit-*` too.
   * @default false
   */
  readonly legacyHeaders?: boolean;
  /**
   * The old name of `legacyHeaders`. If both are given, `legacyHeaders` counts.
   * @default `legacyHeaders`
   */
  readonly headers?: boolean;
  /**
   * `Retry-After` of a refusal, in seconds. It changes this header alone, and not when the client is admitted again. A
   * function may return undefined for the default.
   * @default the time until the request would be admitted
   */
  readonly retryAfter?: PerRequest<number | undefined>;
  /**
   * The property of the request that has the client's quota.
   * @default 'rateLimit'
   */
  readonly requestPropertyName?: string;
  /**
   * Give the cost of a request back if it was not successful, or its client disconnected.
   * @default false
   */
  readonly skipFailedRequests?: boolean;
  /**
   * Give the cost of a request back if it was successful.
   * @default false
   */
  readonly skipSuccessfulRequests?: boolean;
  /**
   * Returns whether an answered request was successful.
   * @default the status is below 400
   */
  readonly requestWasSuccessful?: (req: Request, res: Response) => boolean | PromiseLike<boolean>;
  /**
   * While Redis does not answer: let requests pass, refuse them with an error (503), or count in this process only. Each
   * time is published on `diagnostics_channel`, and each outage is logged.
   * @default 'open'
   */
  readonly onUnavailable?: 'open' | 'closed' | 'local';
  /**
   * Try a limit: count, publish and log what would be refused, and refuse nobody. A dry run has counts of its own, so it
   * can run beside an enforced limit. It sets no headers and no property of the request.
   * @default false
   */
  readonly dryRun?: boolean;
  /**
   * Milliseconds to wait for Redis.
   * @default 100
   */
  readonly timeoutMs?: number;
  /**
   * The prefix of every key in Redis.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Receives one message per outage and one per kind of misuse.
   * @default console
   */
  readonly logger?: Logger;
}

export const defaults = {
  windowMs: 60_000,
  limit: 5,
  algorithm: 'sliding-window',
  cost: 1,
  identifier: 'default',
  ipv6Subnet: 56,
  message: 'Too many requests, please try again later.',
  statusCode: 429,
  standardHeaders: 'draft-11',
  legacyHeaders: false,
  requestPropertyName: 'rateLimit',
  skipFailedRequests: false,
  skipSuccessfulRequests: false,
  requestWasSuccessful: (_req: Request, res: Response) => res.statusCode < 400,
  onUnavailable: 'open',
  dryRun: false,
  timeoutMs: 100,
  prefix: '',
} satisfies Partial<RateLimitOptions>;

export type RateLimitSettings = WithDefaults<RateLimitOptions, typeof defaults>;

// Counters in Redis have 32 bits, and a tenth of a window in milliseconds must fit too.
const MAX_LIMIT = 1_000_000_000;
const MAX_WINDOW_MS = 366 * 24 * 3_600_000;

export const aLimit: Check = (value) =>
  value === Number.POSITIVE_INFINITY || aWholeNumber('requests', MAX_LIMIT)(value) === undefined
    ? undefined
    : `must be a whole number of requests from 0 to ${MAX_LIMIT}, or Infinity`;
export const aWindow = aPositiveInteger('milliseconds', MAX_WINDOW_MS);
export const aCost = aWholeNumber('points', MAX_LIMIT);
const aRetryAfter = aWholeNumber('seconds', MAX_WINDOW_MS / 1000);
export const aRetryAfterOrNone: Check = (value) => (value === undefined ? undefined : aRetryAfter(value));

const anAlgorithm = oneOf('sliding-window', 'fixed-window', 'token-bucket');

export const aSubnet: Check = (value) =>
  value === false || aWholeNumber('bits', 64, 32)(value) === undefined
    ? undefined
    : 'must be a whole number of bits from 32 to 64, or false';

export const aFieldString: Check = (value) =>
  typeof value === 'string' && isFieldString(value)
    ? undefined
    : 'must be printable ASCII: it is sent as a structured-field string (RFC 9651)';

export function isFieldString(name: string): boolean {
  try {
    serializeItem(name);
    return name !== '';
  } catch {
    return false;
  }
}

function aMessage(value: unknown): string | undefined {
  try {
    if (typeof value === 'function' || JSON.stringify(value) !== undefined) return undefined;
  } catch {
    // A bigint, a cycle, or a toJSON that throws.
  }
  return 'must be a text, a value for JSON, or a function';
}

export const policyChecks = {
  name: aFieldString,
  limit: anyOf(aLimit, aFunction),
  windowMs: anyOf(aWindow, aFunction),
  algorithm: anAlgorithm,
};

export const checks = {
  ...connectionChecks,
  windowMs: policyChecks.windowMs,
  limit: policyChecks.limit,
  max: policyChecks.limit,
  policies: (value: unknown) =>
    Array.isArray(value) && value.length > 0 ? undefined : 'must be a list of { name, limit, windowMs }',
  algorithm: anAlgorithm,
  cost: anyOf(aCost, aFunction),
  identifier: anyOf(aFieldString, aFunction),
  keyGenerator: aFunction,
  ipv6Subnet: anyOf(aSubnet, aFunction),
  skip: aFunction,
  handler: aFunction,
  message: aMessage,
  statusCode: (value: unknown) =>
    Number.isInteger(value) && (value as number) >= 400 && (value as number) <= 599
      ? undefined
      : 'must be an HTTP status from 400 to 599',
  standardHeaders: oneOf('draft-6', 'draft-7', 'draft-8', 'draft-11', true, false),
  legacyHeaders: aBoolean,
  headers: aBoolean,
  retryAfter: anyOf(aRetryAfter, aFunction),
  requestPropertyName: aString,
  skipFailedRequests: aBoolean,
  skipSuccessfulRequests: aBoolean,
  requestWasSuccessful: aFunction,
  onUnavailable: oneOf('open', 'closed', 'local'),
  dryRun: aBoolean,
};

const KEPT_IN_REDIS = 'leave it out: counts are kept in Redis, of option "redis"';
const BLOCK = 'call the method "block" of the limiter';
const REMEMBERED = 'leave it out: a refused client is answered from memory until its wait is over';
const SLOW_DOWN = 'it is an option of express-slow-down: a limiter refuses requests, it does not delay them';

/** What to do with options that people know from express-rate-limit, its stores, and similar packages. */
export const hints = {
  points: 'use "limit"',
  total: 'use "limit"',
  window: 'use "windowMs"',
  duration: 'use "windowMs", in milliseconds',
  ttl: 'use "windowMs", in milliseconds',
  expire: 'use "windowMs", in milliseconds',
  store: KEPT_IN_REDIS,
  sendCommand: 'use "redis", and give it the client itself',
  draft_polli_ratelimit_headers: 'use "standardHeaders"',
  onLimitReached: 'use "handler": there req.rateLimit.used === req.rateLimit.limit + 1 at the first refusal',
  delayAfter: SLOW_DOWN,
  delayMs: SLOW_DOWN,
  maxDelayMs: SLOW_DOWN,
  blockDuration: BLOCK,
  inMemoryBlockOnConsumed: REMEMBERED,
  inMemoryBlockDuration: REMEMBERED,
  insuranceLimiter: 'use "onUnavailable": \'local\' counts in this process while Redis is away',
  rejectIfRedisNotReady: 'use "onUnavailable"',
  skipOnError: 'use "onUnavailable"',
  useRedisPackage: KEPT_IN_REDIS,
  storeType: KEPT_IN_REDIS,
  customIncrTtlLuaScript: 'use "algorithm"',
  execEvenly: SLOW_DOWN,
  execEvenlyMinDelayMs: SLOW_DOWN,
  maxRequests: 'use "limit"',
  requests: 'use "limit"',
  rate: 'use "limit"',
  burst: 'use "policies", a short one beside a long one',
  throttlers: 'use "policies"',
  interval: 'use "windowMs", in milliseconds',
  timeWindow: 'use "windowMs", in milliseconds',
  windowSeconds: 'use "windowMs", in milliseconds',
  name: 'use "identifier"',
  whitelist: 'use "skip"',
  allowList: 'use "skip"',
  ban: BLOCK,
  blacklist: BLOCK,
  onExceeded: 'use "handler"',
  errorResponseBuilder: 'use "message", or "handler"',
  enableDraftSpec: 'use "standardHeaders"',
  lookup: 'use "keyGenerator"',
  trustProxy: 'use app.set("trust proxy", the number of proxies in front)',
  resetExpiryOnChange: 'leave it out: each request counts for one window',
  passOnStoreError: 'use "onUnavailable"',
  validate: 'leave it out: misuse is logged once, and never in the way of a request',
};
