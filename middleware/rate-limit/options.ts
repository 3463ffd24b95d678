import type { NextFunction, Request, Response } from 'express';
import type { Algorithm, Quota } from '../../src/limits/index.js';
import type { Logger } from '../../src/logger.js';
import {
  aBoolean,
  aFunction,
  anyOf,
  anything,
  aPositiveInteger,
  aString,
  type Check,
  connectionChecks,
  oneOf,
  type WithDefaults,
} from '../../src/read-options.js';
import type { RedisClient } from '../../src/redis/index.js';
import { isFieldString } from './headers.js';

/** A value, or a function of the request that gives it. */
export type PerRequest<T> = T | ((req: Request, res: Response) => T | Promise<T>);

/** What a request finds in `req.rateLimit`: the policy closest to its limit, and all of them. */
export interface RateLimitInfo {
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  /** When more of the quota is there. */
  readonly resetTime: Date;
  readonly key: string;
  readonly policies: readonly Quota[];
}

/** One of several policies of a limiter. */
export interface RateLimitPolicy {
  /** In the key and in the `RateLimit` headers; printable ASCII. */
  readonly name: string;
  /** Requests, or points of cost, in any window. */
  readonly limit: PerRequest<number>;
  /** Length of the window in milliseconds. */
  readonly windowMs: PerRequest<number>;
  /**
   * How the window is counted.
   * @default the limiter's `algorithm`
   */
  readonly algorithm?: Algorithm;
}

/** Options of `rateLimit`. Names and meanings are express-rate-limit's where it has them. */
export interface RateLimitOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Length of the window in milliseconds.
   * @default 60000
   */
  readonly windowMs?: PerRequest<number>;
  /**
   * Requests that a client may make in any window.
   * @default 5
   */
  readonly limit?: PerRequest<number>;
  /**
   * Several policies instead of one `limit` and `windowMs`; a request is admitted when all of them admit it, and is
   * charged to all or to none.
   * @default one policy, of `identifier`, `limit` and `windowMs`
   */
  readonly policies?: readonly RateLimitPolicy[];
  /**
   * `sliding-window`: no trailing window ever admits more than `limit`. `fixed-window`: up to twice as much around a
   * window's end. `token-bucket`: bursts up to `limit`, refilled evenly over `windowMs`.
   * @default 'sliding-window'
   */
  readonly algorithm?: Algorithm;
  /**
   * What a request costs, in whole points of the limit.
   * @default 1
   */
  readonly cost?: PerRequest<number>;
  /**
   * The name of the single policy, in its key and in the `RateLimit` headers.
   * @default 'default'
   */
  readonly identifier?: string;
  /**
   * Whose limit a request counts against.
   * @default the client's IP address, IPv6 cut to `ipv6Subnet`
   */
  readonly keyGenerator?: (req: Request, res: Response) => string | Promise<string>;
  /**
   * How many leading bits of an IPv6 address make a client, 32 to 64, or false for the whole address.
   * @default 56
   */
  readonly ipv6Subnet?: number | false;
  /**
   * Requests for which this returns true are not limited.
   * @default no request is skipped
   */
  readonly skip?: (req: Request, res: Response) => boolean | Promise<boolean>;
  /**
   * Answers a refused request.
   * @default `statusCode` with `message`, or problem+json (RFC 9457) to a client that takes it
   */
  readonly handler?: (req: Request, res: Response, next: NextFunction, options: RateLimitOptions) => unknown;
  /**
   * Body of a refusal: a text, an object to be sent as JSON, or a function of the request that gives either.
   * @default 'Too many requests, please try again later.'
   */
  readonly message?: PerRequest<unknown>;
  /**
   * Status of a refusal.
   * @default 429
   */
  readonly statusCode?: number;
  /**
   * The `RateLimit` headers: a version of draft-ietf-httpapi-ratelimit-headers, true for `draft-6`, false for none.
   * @default 'draft-11'
   */
  readonly standardHeaders?: 'draft-6' | 'draft-7' | 'draft-8' | 'draft-11' | boolean;
  /**
   * Send `X-RateLimit-*` too.
   * @default false
   */
  readonly legacyHeaders?: boolean;
  /**
   * The property of the request that tells where the client stands.
   * @default 'rateLimit'
   */
  readonly requestPropertyName?: string;
  /**
   * Give back what a request cost when it was not successful, or its client went away.
   * @default false
   */
  readonly skipFailedRequests?: boolean;
  /**
   * Give back what a request cost when it was successful.
   * @default false
   */
  readonly skipSuccessfulRequests?: boolean;
  /**
   * Whether an answered request was successful.
   * @default the status is below 400
   */
  readonly requestWasSuccessful?: (req: Request, res: Response) => boolean | Promise<boolean>;
  /**
   * While Redis does not answer: let requests pass, refuse them with 503, or count in this process alone.
   * @default 'open'
   */
  readonly onUnavailable?: 'open' | 'closed' | 'local';
  /**
   * Milliseconds to wait for Redis.
   * @default 100
   */
  readonly timeoutMs?: number;
  /**
   * In front of every key in Redis.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Told of outages and of misuse, once each.
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
  timeoutMs: 100,
  prefix: '',
} satisfies Partial<RateLimitOptions>;

export type RateLimitSettings = WithDefaults<RateLimitOptions, typeof defaults>;

// Counters in Redis hold 32 bits; a window's tenth in milliseconds has to fit too.
const LARGEST_LIMIT = 1_000_000_000;
const LONGEST_WINDOW_MS = 366 * 24 * 3_600_000;

export const isLimit = aPositiveInteger('requests', LARGEST_LIMIT);
export const isWindow = aPositiveInteger('milliseconds', LONGEST_WINDOW_MS);
export const isCost: Check = (value) =>
  value === 0 ? undefined : aPositiveInteger('points', LARGEST_LIMIT)(value);

const algorithm = oneOf('sliding-window', 'fixed-window', 'token-bucket');

const fieldString: Check = (value) =>
  typeof value === 'string' && isFieldString(value)
    ? undefined
    : 'must be printable ASCII: it is sent as a structured-field string (RFC 9651)';

export const policyChecks = {
  name: fieldString,
  limit: anyOf(isLimit, aFunction),
  windowMs: anyOf(isWindow, aFunction),
  algorithm,
};

export const checks = {
  ...connectionChecks,
  windowMs: policyChecks.windowMs,
  limit: policyChecks.limit,
  policies: (value: unknown) =>
    Array.isArray(value) && value.length > 0 ? undefined : 'must be a list of { name, limit, windowMs }',
  algorithm,
  cost: anyOf(isCost, aFunction),
  identifier: fieldString,
  keyGenerator: aFunction,
  ipv6Subnet: (value: unknown) =>
    value === false || (Number.isInteger(value) && (value as number) >= 32 && (value as number) <= 64)
      ? undefined
      : 'must be a whole number of bits from 32 to 64, or false',
  skip: aFunction,
  handler: aFunction,
  message: anything,
  statusCode: (value: unknown) =>
    Number.isInteger(value) && (value as number) >= 400 && (value as number) <= 599
      ? undefined
      : 'must be an HTTP status from 400 to 599',
  standardHeaders: oneOf('draft-6', 'draft-7', 'draft-8', 'draft-11', true, false),
  legacyHeaders: aBoolean,
  requestPropertyName: aString,
  skipFailedRequests: aBoolean,
  skipSuccessfulRequests: aBoolean,
  requestWasSuccessful: aFunction,
  onUnavailable: oneOf('open', 'closed', 'local'),
};

/** express-rate-limit's options that have no place here. */
export const hints = {
  max: 'it is an old name; use "limit"',
  store: 'leave it out: counts are kept in Redis',
  passOnStoreError: 'use "onUnavailable"',
  validate: 'leave it out: misuse is explained once, and never in the way of a request',
};
