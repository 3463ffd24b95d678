/**
 * Every error that the toolkit raises, by code. `status` is the HTTP status an error handler should answer with. What is
 * `logged` is a misuse found at run time: it is explained once to the logger, and nothing is thrown.
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
  REDIS_COMMAND_FAILED: {
    status: 500,
    help: 'Redis answered with an error that a retry would not mend; see `cause`.',
  },
  REDIS_IN_SUBSCRIBER_MODE: {
    status: 500,
    help: 'The client given as `redis` has subscribed to something, over RESP2: it can do nothing else then. Give the toolkit a client of its own, and listen with `subscriber`.',
  },
  RATE_LIMIT_KEY_MISSING: {
    status: 500,
    help: 'The `keyGenerator` returned nothing, so that all clients would share one limit. Return a string per client.',
  },
  RATE_LIMIT_VALUE_INVALID: {
    status: 500,
    help: 'A function given as `limit`, `windowMs` or `cost` returned something that is not a whole number in range.',
  },
  RATE_LIMIT_DEPENDS_ON_REQUEST: {
    status: 500,
    help: '`peek`, `penalty` and `reward` need `limit` and `windowMs` to be numbers: there is no request to ask.',
  },
  RATE_LIMIT_MOUNTED_TWICE: {
    status: 500,
    logged: true,
    help: 'One limiter handled the same request twice. It charges once; mount it once.',
  },
  RATE_LIMIT_NAME_REUSED: {
    status: 500,
    logged: true,
    help: "Two limiters of one client use the same policy name and prefix, so that each counts the other's requests. Give each its own `identifier`.",
  },
  RATE_LIMIT_TRUST_PROXY_OFF: {
    status: 500,
    logged: true,
    help: '`X-Forwarded-For` arrives but `trust proxy` is off: all clients behind the proxy share one limit. Set `trust proxy` to the number of proxies in front.',
  },
  RATE_LIMIT_TRUST_PROXY_ANY: {
    status: 500,
    logged: true,
    help: '`trust proxy` is true: any client can choose its own address in `X-Forwarded-For` and with it its limit. Set the number of proxies in front.',
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
    help: 'Another request changed the same session property meanwhile, and `onConflict` is `fail`, or its function could not keep up.',
  },
  SESSION_SECRET_MISSING: {
    status: 500,
    help: '`session` has no `secret`, and no `cookieParser(secret)` before it has put one on the request.',
  },
  SESSION_COOKIE_INSECURE: {
    status: 500,
    logged: true,
    help: 'The session cookie is not sent, or browsers would drop it, because the request is not known to have come over HTTPS. Behind a proxy set `trust proxy`, or the option `proxy`.',
  },
  SESSION_RESAVE_UNNEEDED: {
    status: 500,
    logged: true,
    help: '`session` was given `resave: true`, which does nothing here: what a request did not change is never written. Leave it out.',
  },
  SESSION_NOT_FOUND: {
    status: 500,
    help: 'The session ended while the request was running (logout, expiry): its changes were not stored.',
  },
  CACHE_KEY_INVALID: {
    status: 500,
    help: "A key given to `cacheAside` is not `<entity>:<id>`, or its entity is one of the toolkit's own; or the `key` of `cacheResponse` returned no text, under which responses for different people would be one.",
  },
  CACHE_COOKIES_PERSONAL: {
    status: 500,
    logged: true,
    help: '`cacheResponse` set aside the first 100 requests of a route because of their cookies. Name the cookies that make no difference in `ignoreCookies` (e.g. `_ga*`), or have the handler send `Cache-Control: public, max-age=…`.',
  },
  CACHE_TAGS_INVALID: {
    status: 500,
    help: 'Tags or URLs, given to the cache or returned by an option, are not a list of strings. Nothing was cached, changed or invalidated under them.',
  },
  CACHE_VALUE_TOO_LARGE: {
    status: 500,
    help: 'A value given to `cacheAside` is more than 1 MB of JSON. Cache parts of it under keys of their own.',
  },
  CHANNEL_INVALID: {
    status: 500,
    help: "A channel given to `publisher` or `subscriber` is not a non-empty text, or is one of the toolkit's own, such as `cache:…` or `lock:…`, by itself or with their `prefix`.",
  },
  MESSAGE_NOT_JSON: {
    status: 500,
    help: 'A value given to `publish` is nothing that JSON can say: undefined, a function, a BigInt, or an object that contains itself.',
  },
  MESSAGE_TOO_LARGE: {
    status: 500,
    help: 'A value given to `publish` is more JSON than `maxBytes`. Publish an id, and keep the data in a database.',
  },
  MESSAGE_UNREADABLE: {
    status: 500,
    logged: true,
    help: 'A message that is not JSON arrived on a channel of `subscriber`. No handler sees it; all others go on.',
  },
  MESSAGE_HANDLER_FAILED: {
    status: 500,
    logged: true,
    help: 'A handler given to `subscriber` threw or rejected; `cause` is its error. All other handlers and messages go on.',
  },
  EVENTS_DROPPED: {
    status: 500,
    logged: true,
    help: 'A loop over `events` is slower than its channel: the oldest events that it had not taken were dropped (`whenFull: drop-oldest`).',
  },
  EVENTS_OVERFLOW: {
    status: 500,
    help: 'A loop over `events` was slower than its channel, and `whenFull` is `error`: it ends here, after the last event that was kept.',
  },
  MESSAGES_MISSED: {
    status: 500,
    logged: true,
    help: 'The subscriber connection was lost for a while, and what was published meanwhile has not arrived. Give `onGap` to be told, and read the state anew there.',
  },
  INVALIDATION_REFUSED: {
    status: 503,
    help: 'Redis could not take the mark that guards a mutation against stale reads, so the handler was not run. Retry later.',
  },
  LOCK_UNBOUNDED: {
    status: 500,
    help: '`withLock` has no `ttlMs`, or an endless one: a lock whose holder died would be held for ever.',
  },
  LOCK_TIMEOUT: {
    status: 503,
    help: 'Somebody else held the lock for all of `waitMs`, so the function was not run. Retry later.',
  },
  LOCK_LOST: {
    status: 500,
    help: 'The lock could not be kept until the function ended: another may have run at the same time. What the function did is done; see `cause` for its own error or for that of Redis.',
  },
} as const;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/**
 * The one error type of the toolkit. Misuse throws it at construction; run-time trouble goes to `next(err)`.
 *
 * @example
 * app.use((err, req, res, next) => {
 *   if (err instanceof ToolkitError) return res.status(err.status).json({ code: err.code });
 *   next(err);
 * });
 */
export class ToolkitError extends Error {
  override readonly name = 'ToolkitError';
  readonly code: ErrorCode;
  readonly status: number;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.status = ERROR_CATALOGUE[code].status;
  }
}

export function isUnavailable(error: unknown): error is ToolkitError {
  return error instanceof ToolkitError && error.code === 'REDIS_UNAVAILABLE';
}
