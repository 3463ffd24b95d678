import type { NoticeCode } from './notices.js';

/**
 * Every error that the toolkit throws, by code. `status` is the HTTP status that an error handler should answer with.
 * `src/notices.ts` has the codes of log lines, which throw nothing.
 */
export const ERROR_CATALOGUE = {
  OPTION_INVALID: {
    status: 500,
    help: 'An option has a value that the factory cannot work with. Raised at construction.',
  },
  OPTION_UNKNOWN: {
    status: 500,
    help: 'An option that does not exist, usually a typing error. Raised at construction.',
  },
  REDIS_UNAVAILABLE: {
    status: 503,
    help: 'Redis did not answer within the deadline, is not connected, or refuses commands (loading, full, read-only).',
  },
  REDIS_MISCONFIGURED: {
    status: 500,
    help: 'Redis refuses in a way that waiting does not cure: wrong credentials (WRONGPASS, NOAUTH), a command or key that the ACL forbids (NOPERM), an unknown command. The message says what to change. Until then each middleware follows its `onUnavailable`.',
  },
  REDIS_COMMAND_FAILED: {
    status: 500,
    help: 'Redis answered a command with an error that a retry would not change; see `cause`.',
  },
  REDIS_IN_SUBSCRIBER_MODE: {
    status: 500,
    help: 'The client given as `redis` has subscribed to a channel over RESP2 and can send nothing else. Give the toolkit a client of its own, and listen with `subscriber`.',
  },
  RATE_LIMIT_KEY_MISSING: {
    status: 500,
    help: 'The `keyGenerator` returned no key, or a method such as `peek` was given none, so that all clients would share one limit. A key is a non-empty string, a number or a bigint.',
  },
  RATE_LIMIT_VALUE_INVALID: {
    status: 500,
    help: 'A function among the options of `rateLimit` returned an unusable value, such as a `limit` or `cost` that is no whole number in range.',
  },
  RATE_LIMIT_DEPENDS_ON_REQUEST: {
    status: 500,
    help: '`peek`, `penalty` and `reward` need `limit` and `windowMs` to be numbers: there is no request to ask.',
  },
  SESSION_TOO_LARGE: {
    status: 500,
    help: 'The session is larger than `maxBytes`. Keep ids in the session and the data in a database.',
  },
  SESSION_PROPERTY_REFUSED: {
    status: 500,
    help: 'A session property has a name that cannot be stored: `__proto__`, `constructor`, `prototype`, that of a method, or `@meta`, `@user`, `@cookie`, `@device`.',
  },
  SESSION_REPLACED: {
    status: 500,
    help: '`req.session` was set to an object of the application. Change its properties, or set it to null.',
  },
  SESSION_CONFLICT: {
    status: 409,
    help: 'Another request changed the same session property at the same time, and `onConflict` is `fail`, or its function lost the race too often.',
  },
  SESSION_SECRET_MISSING: {
    status: 500,
    help: '`session` has no `secret`, and no `cookieParser(secret)` before it has put one on the request.',
  },
  SESSION_NOT_FOUND: {
    status: 409,
    help: 'The session ended during the request (logout, expiry), or was created after the first byte of the response had been sent, so its changes were not stored. Logged if the response had begun, and then no error is thrown.',
  },
  CACHE_KEY_INVALID: {
    status: 500,
    help: "A key given to `cacheAside` is not `<entity>:<id>`, or its entity is one of the toolkit's own; or the `key` of `cacheResponse` returned no text, under which responses for different people would be one.",
  },
  CACHE_TAGS_INVALID: {
    status: 500,
    help: 'Tags or URLs, given to the cache or returned by an option, are not a list of strings. Nothing was cached, changed or invalidated under them.',
  },
  CACHE_VALUE_TOO_LARGE: {
    status: 500,
    help: 'A value given to `cacheAside` is more than 1 MB of JSON. Cache parts of it under keys of their own.',
  },
  CACHE_VALUE_NOT_JSON: {
    status: 500,
    help: 'A value given to `cacheAside`, or returned by a `load`, cannot be represented as JSON: a Map, a Set, a BigInt, a function, NaN, or an object that contains itself. Convert it first.',
  },
  CACHE_LOAD_RECURSIVE: {
    status: 500,
    help: 'A `load` given to `getOrLoad` calls `getOrLoad` for its own key again and again. Load the value without the cache there.',
  },
  CHANNEL_INVALID: {
    status: 500,
    help: "A channel given to `publisher` or `subscriber` is not a non-empty text, or is one of the toolkit's own, such as `cache:…` or `lock:…`, by itself or with their `prefix`.",
  },
  MESSAGE_NOT_JSON: {
    status: 500,
    help: 'A value given to `publish` cannot be represented as JSON: undefined, a function, a BigInt, or an object that contains itself.',
  },
  MESSAGE_TOO_LARGE: {
    status: 500,
    help: 'A value given to `publish` is more than `maxBytes` of JSON. Publish an id, and keep the data in a database.',
  },
  EVENTS_OVERFLOW: {
    status: 500,
    help: 'A loop over `events` was slower than its channel, and `whenFull` is `error`: the loop ends after the events that were buffered.',
  },
  INVALIDATION_REFUSED: {
    status: 503,
    help: 'Redis could not take the mark that guards a mutation against stale reads, so the handler was not run. A later attempt may succeed, unless the cause is a configuration.',
  },
  LOCK_UNBOUNDED: {
    status: 500,
    help: '`withLock` has no `ttlMs`, or an infinite one: a lock whose holder crashed would be held for ever.',
  },
  LOCK_TIMEOUT: {
    status: 503,
    help: 'Another holder kept the lock for all of `waitMs`, so the function was not run. Retry later.',
  },
  LOCK_LOST: {
    status: 500,
    help: 'The lock was lost before the function ended: another holder may have run at the same time. The effects of the function stay; see `cause` for its own error or for that of Redis.',
  },
} as const;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** Members of a problem document (RFC 9457), such as `type` and `title`. */
export type ProblemMembers = Readonly<Record<string, unknown>>;

export interface ToolkitErrorOptions {
  readonly cause?: unknown;
  readonly problem?: ProblemMembers;
}

/**
 * The one error type of the toolkit. Wrong options throw it at construction; trouble at run time goes to `next(err)`, and
 * notices of `subscriber` to its `onError`.
 *
 * @example
 * app.use((err, req, res, next) => {
 *   if (err instanceof ToolkitError) return res.status(err.status).json({ code: err.code });
 *   next(err);
 * });
 */
export class ToolkitError extends Error {
  override readonly name = 'ToolkitError';
  readonly code: ErrorCode | NoticeCode;
  readonly status: number;
  /** The same as `status`, under the name that Nest and some error handlers read. */
  readonly statusCode: number;
  /** What `problemDetails` tells the client beside the code. */
  readonly problem: ProblemMembers | undefined;

  constructor(code: ErrorCode | NoticeCode, message: string, options: ToolkitErrorOptions = {}) {
    const { problem, ...cause } = options;
    super(message, cause);
    this.code = code;
    this.problem = problem;
    this.status = code in ERROR_CATALOGUE ? ERROR_CATALOGUE[code as ErrorCode].status : 500;
    this.statusCode = this.status;
  }
}

/** Whether Redis cannot serve, for the moment or until its configuration is changed: `onUnavailable` applies. */
export function isUnavailable(error: unknown): error is ToolkitError {
  return isMisconfigured(error) || (error instanceof ToolkitError && error.code === 'REDIS_UNAVAILABLE');
}

export function isMisconfigured(error: unknown): error is ToolkitError {
  return error instanceof ToolkitError && error.code === 'REDIS_MISCONFIGURED';
}

/** The error of JSON that is larger than it may be. `what` names the value, `advice` says what to do. */
export function tooLarge(
  code: ErrorCode,
  what: string,
  { bytes, maxBytes, advice }: { bytes: number; maxBytes: number; advice: string },
): ToolkitError {
  return new ToolkitError(code, `${what} is ${bytes} bytes of JSON, more than ${maxBytes}: ${advice}`);
}
