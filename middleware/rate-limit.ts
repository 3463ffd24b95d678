import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { isUnavailable, ToolkitError } from '../src/errors.js';
import type { Logger } from '../src/logger.js';
import {
  aBoolean,
  aFunction,
  anything,
  aPositiveInteger,
  aString,
  type Check,
  connectionChecks,
  oneOf,
  readOptions,
} from '../src/options.js';
import { type Policy, type Quota, rateLimiter, type Verdict } from '../src/rate-limiter.js';
import type { RedisClient } from '../src/redis.js';
import { linkTo } from '../src/redis-link.js';
import { clientAddress } from './client-address.js';
import { takePrefetched, withPrefetch } from './prefetch.js';
import { answerTooManyRequests } from './rate-limit-answer.js';
import { isFieldString, policyField, setLegacyHeaders, setStandardHeaders } from './rate-limit-headers.js';

/** What a request finds in `req.rateLimit`: the policy closest to its limit, and all of them. */
export interface RateLimitInfo {
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  readonly resetTime: Date;
  readonly key: string;
  readonly policies: readonly Quota[];
}

/** Options of `rateLimit`. Names and meanings are express-rate-limit's where it has them. */
export interface RateLimitOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Length of the trailing window in milliseconds.
   * @default 60000
   */
  readonly windowMs?: number;
  /**
   * Requests that a client may make in any window.
   * @default 5
   */
  readonly limit?: number;
  /**
   * Several policies instead of one `limit` and `windowMs`; a request is admitted when all of them admit it, and is
   * charged to all or to none.
   * @default one policy, of `identifier`, `limit` and `windowMs`
   */
  readonly policies?: readonly Policy[];
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
  readonly handler?: (req: Request, res: Response, next: NextFunction, info: RateLimitInfo) => unknown;
  /**
   * Body of a refusal: a text, or an object to be sent as JSON.
   * @default 'Too many requests, please try again later.'
   */
  readonly message?: string | object;
  /**
   * Status of a refusal.
   * @default 429
   */
  readonly statusCode?: number;
  /**
   * Send `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).
   * @default 'draft-11'
   */
  readonly standardHeaders?: 'draft-11' | false;
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
   * What to do while Redis does not answer: let requests pass, or refuse them with 503.
   * @default 'open'
   */
  readonly onUnavailable?: 'open' | 'closed';
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

const defaults = {
  windowMs: 60_000,
  limit: 5,
  identifier: 'default',
  ipv6Subnet: 56,
  message: 'Too many requests, please try again later.',
  statusCode: 429,
  standardHeaders: 'draft-11',
  legacyHeaders: false,
  requestPropertyName: 'rateLimit',
  onUnavailable: 'open',
  timeoutMs: 100,
  prefix: '',
} satisfies Partial<RateLimitOptions>;

const LARGEST_LIMIT = 1_000_000_000;
const LONGEST_WINDOW_MS = 366 * 24 * 3_600_000;

const fieldString: Check = (value) =>
  typeof value === 'string' && isFieldString(value)
    ? undefined
    : 'must be printable ASCII: it is sent as a structured-field string (RFC 9651)';

const policyChecks = {
  name: fieldString,
  limit: aPositiveInteger('requests', LARGEST_LIMIT),
  windowMs: aPositiveInteger('milliseconds', LONGEST_WINDOW_MS),
};

const checks = {
  ...connectionChecks,
  windowMs: policyChecks.windowMs,
  limit: policyChecks.limit,
  policies: (value: unknown) =>
    Array.isArray(value) && value.length > 0 ? undefined : 'must be a list of { name, limit, windowMs }',
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
  standardHeaders: oneOf('draft-11', false),
  legacyHeaders: aBoolean,
  requestPropertyName: aString,
  onUnavailable: oneOf('open', 'closed'),
};

/**
 * Limits how much a client may do in a trailing window, counted in Redis for all processes together: no window
 * ever admits more than `limit`, whatever the arrival pattern, and a charge is forgotten at most a tenth of a
 * window late. Costs one round trip; none of its own inside `stack`.
 *
 * @example
 * app.use(rateLimit({ redis, windowMs: 15 * 60_000, limit: 100 }));
 * app.use(rateLimit({ redis, policies: [
 *   { name: 'burst', limit: 10, windowMs: 1000 },
 *   { name: 'hourly', limit: 1000, windowMs: 3_600_000 },
 * ] }));
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; requests may end in `RATE_LIMIT_KEY_MISSING`, and in
 * `REDIS_UNAVAILABLE` with `onUnavailable: 'closed'`
 */
export function rateLimit(given: RateLimitOptions): RequestHandler {
  const options = readOptions('rateLimit', given, checks, defaults, ['redis']);
  const policies = readPolicies(options);
  const describedPolicies = policyField(policies);
  linkTo(options.redis, options.logger);
  const limiter = rateLimiter(options.redis, options);

  const ask = (req: Request, res: Response): Promise<Asked> => {
    const skipped = options.skip?.(req, res) ?? false;
    const key = skipped === true ? '' : keyOf(req, res, options);
    // Without await when nothing is asynchronous: the question has to leave in the same tick as the others'.
    if (typeof skipped === 'boolean' && typeof key === 'string') return consume(skipped, key);
    return Promise.all([skipped, key]).then(([skip, resolved]) => consume(skip, resolved));
  };

  const consume = async (skipped: boolean, key: string): Promise<Asked> =>
    skipped ? 'skipped' : { key: present(key), verdict: await limiter.consume(present(key), policies) };

  const handler: RequestHandler = async function rateLimitMiddleware(req, res, next) {
    let asked: Asked;
    try {
      asked = await (takePrefetched<Promise<Asked>>(req, handler) ?? ask(req, res));
    } catch (error) {
      return next(options.onUnavailable === 'open' && isUnavailable(error) ? undefined : error);
    }
    if (asked === 'skipped') return next();
    const { quotas, admitted } = asked.verdict;
    const info = infoOf(asked);
    Object.assign(req, { [options.requestPropertyName]: info });
    if (options.standardHeaders) setStandardHeaders(res, describedPolicies, quotas);
    if (options.legacyHeaders) setLegacyHeaders(res, quotas);
    if (admitted) return next();
    answerTooManyRequests(req, res, next, info, options);
  };
  return withPrefetch(handler, ask, { onlyWhenFirst: true });
}

type Asked = 'skipped' | { readonly key: string; readonly verdict: Verdict };
type Settings = RateLimitOptions & typeof defaults;

function readPolicies({ policies, identifier, limit, windowMs }: Settings): readonly Policy[] {
  if (!policies) return [{ name: identifier, limit, windowMs }];
  const names = new Set<string>();
  return policies.map((policy) => {
    const read = readOptions('rateLimit policy', policy, policyChecks, {}, ['name', 'limit', 'windowMs']);
    if (names.has(read.name)) {
      throw new ToolkitError(
        'OPTION_INVALID',
        `rateLimit: two policies are named "${read.name}"; they would share a count`,
      );
    }
    names.add(read.name);
    return read;
  });
}

function keyOf(
  req: Request,
  res: Response,
  { keyGenerator, ipv6Subnet }: Settings,
): string | Promise<string> {
  return keyGenerator ? keyGenerator(req, res) : (clientAddress(req, ipv6Subnet) ?? '');
}

function present(key: unknown): string {
  if (typeof key === 'string' && key !== '') return key;
  throw new ToolkitError(
    'RATE_LIMIT_KEY_MISSING',
    'rateLimit: no key for this request; a keyGenerator must return a non-empty string (by default req.ip, which is missing)',
  );
}

function infoOf({ key, verdict: { quotas } }: Exclude<Asked, 'skipped'>): RateLimitInfo {
  const { limit, used, remaining, resetMs } = quotas.reduce((a, b) => (b.remaining < a.remaining ? b : a));
  return { limit, used, remaining, resetTime: new Date(Date.now() + resetMs), key, policies: quotas };
}
