import type { Request } from 'express';
import type { Logger } from '../../src/logger.js';
import {
  aBoolean,
  aFunction,
  aPositiveInteger,
  aWholeNumber,
  type Check,
  connectionChecks,
  oneOf,
  type WithDefaults,
} from '../../src/read-options.js';
import type { RedisClient } from '../../src/redis/index.js';

/** Names a client: an account, a tenant, an API key's owner. */
export type IdempotencyScope = string | number | bigint | null | undefined;

/** Options of `idempotent`. */
export interface IdempotentOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Returns the client that a key belongs to. Nobody else gets the answers under its keys. Never the address: many people
   * share one. A request without a client is answered with 400.
   * @default the `user` of the session
   */
  readonly scope?: (req: Request) => IdempotencyScope | PromiseLike<IdempotencyScope>;
  /**
   * Let requests without a client share one scope. Whoever guesses a key then gets the answer under it.
   * @default false
   */
  readonly anonymous?: boolean;
  /**
   * Refuse requests without `Idempotency-Key` with 400. Otherwise they run without its protection.
   * @default false
   */
  readonly required?: boolean;
  /**
   * The methods whose requests are covered.
   * @default POST and PATCH
   */
  readonly methods?: readonly string[];
  /**
   * `strict`: a key is a quoted string, as the draft demands. `lenient`: the bare text too, as most clients send it.
   * @default 'lenient'
   */
  readonly syntax?: 'lenient' | 'strict';
  /**
   * Returns what makes two requests the same, a value for JSON. Target and media type count anyway. Needed where a part
   * of the content is not in `req.body`, such as files.
   * @default the content; if a parser ran before, `req.body`
   */
  readonly fingerprint?: (req: Request) => unknown;
  /**
   * The largest content that is read for the fingerprint, in bytes. A larger one is answered with 413.
   * @default 1048576
   */
  readonly maxContentBytes?: number;
  /**
   * The largest answer that is kept, in bytes. Of a larger one, and of a stream, only status and headers are kept.
   * @default 65536
   */
  readonly maxBodyBytes?: number;
  /**
   * How long an answer is kept, in seconds.
   * @default 86400
   */
  readonly ttlSeconds?: number;
  /**
   * How long a process that died keeps its request from running again, in milliseconds. Renewed while the handler runs.
   * @default 30000
   */
  readonly leaseMs?: number;
  /**
   * Milliseconds for which a request waits at most for the answer to the first one, while that runs; 0 to answer it with
   * 409 at once. After that it is 409 as well.
   * @default 0
   */
  readonly waitMs?: number;
  /**
   * When an attempt stopped without a result: run the handler again, or answer 409 until the key expires.
   * @default 'rerun'
   */
  readonly onLostLease?: 'rerun' | 'refuse';
  /**
   * While Redis does not answer: refuse with 503 before the handler runs, or run it without protection.
   * @default 'refuse'
   */
  readonly onUnavailable?: 'refuse' | 'proceed';
  /**
   * The page that describes to your clients how you treat keys. It becomes the `type` of problems and a `Link`.
   * @default none
   */
  readonly documentationUrl?: string;
  /**
   * Milliseconds to wait for Redis.
   * @default 250
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
  anonymous: false,
  required: false,
  methods: ['POST', 'PATCH'],
  syntax: 'lenient',
  maxContentBytes: 1_048_576,
  maxBodyBytes: 65_536,
  ttlSeconds: 86_400,
  leaseMs: 30_000,
  waitMs: 0,
  onLostLease: 'rerun',
  onUnavailable: 'refuse',
  timeoutMs: 250,
  prefix: '',
} satisfies Partial<IdempotentOptions>;

export type IdempotentSettings = WithDefaults<IdempotentOptions, typeof defaults>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);
const MAX_BYTES = 16 * 1024 * 1024;
const HOUR_MS = 3_600_000;
const YEAR_SECONDS = 31_536_000;

// It is sent as `Link: <…>`.
const aLinkTarget: Check = (value) =>
  typeof value === 'string' && /^[!-;=?-~]+$/.test(value) && URL.canParse(value, 'https://relative.invalid')
    ? undefined
    : 'must be a URL of ASCII characters without white space, "<" and ">"';

export const checks = {
  ...connectionChecks,
  scope: aFunction,
  anonymous: aBoolean,
  required: aBoolean,
  methods: (value: unknown) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((method) => typeof method === 'string' && /^[A-Z-]+$/.test(method) && !SAFE.has(method))
      ? undefined
      : 'must be a list of methods that change something, in capitals, such as ["POST"]',
  syntax: oneOf('lenient', 'strict'),
  fingerprint: aFunction,
  maxContentBytes: aPositiveInteger('bytes', MAX_BYTES),
  maxBodyBytes: aPositiveInteger('bytes', MAX_BYTES),
  ttlSeconds: aPositiveInteger('seconds', YEAR_SECONDS),
  leaseMs: aPositiveInteger('milliseconds', HOUR_MS),
  waitMs: aWholeNumber('milliseconds', HOUR_MS),
  onLostLease: oneOf('rerun', 'refuse'),
  onUnavailable: oneOf('refuse', 'proceed'),
  documentationUrl: aLinkTarget,
};

const FIELD = 'leave it out: the field is Idempotency-Key';

export const hints = {
  ttl: 'use "ttlSeconds"',
  ttlMs: 'use "ttlSeconds"',
  cacheTtl: 'use "ttlSeconds"',
  store: 'leave it out: answers are kept in Redis, of option "redis"',
  duration: 'use "ttlSeconds"',
  maxAge: 'use "ttlSeconds"',
  expires: 'use "ttlSeconds"',
  lockTtl: 'use "leaseMs"',
  lockTimeout: 'use "leaseMs"',
  onConcurrent: 'use "waitMs"',
  wait: 'use "waitMs"',
  waitTimeout: 'use "waitMs"',
  enforce: 'use "required"',
  enforceIdempotency: 'use "required"',
  user: 'use "scope"',
  userId: 'use "scope"',
  keyGenerator: 'use "scope": keys of different users are apart',
  fingerprintFields: 'use "fingerprint"',
  responseBodyLimit: 'use "maxBodyBytes"',
  headerName: FIELD,
  header: FIELD,
  idempotencyKeyHeader: FIELD,
};
