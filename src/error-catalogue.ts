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
    help: '`limit` or `windowMs` is a function of the request, and a method such as `peek`, `reset` or `penalty` has no request. Give the number as its last argument: `peek(key, { limit: 500 })`.',
  },
  SESSION_TOO_LARGE: {
    status: 500,
    help: 'The session is larger than `maxBytes`. Keep ids in the session and the data in a database.',
  },
  SESSION_PROPERTY_REFUSED: {
    status: 500,
    help: 'A session property has a name that cannot be stored: `__proto__`, `constructor`, `prototype`, that of a method, or `@meta`, `@user`, `@cookie`, `@device`, `@old`.',
  },
  SESSION_REPLACED: {
    status: 500,
    help: '`req.session` was set to an object of the application. Change its properties, or set it to null.',
  },
  SESSION_CONFLICT: {
    status: 409,
    help: 'Another request changed the same session property at the same time, and `onConflict` is `fail`; or it is a function, and others changed the property again each time that it had decided.',
  },
  SESSION_SECRET_MISSING: {
    status: 500,
    help: '`session` has no `secret`, and no `cookieParser(secret)` before it has put one on the request.',
  },
  SESSION_NOT_FOUND: {
    status: 409,
    help: 'The session ended during the request (logout, expiry), or was created after the first byte of the response had been sent, so its changes were not stored. Logged if the response had begun, and then no error is thrown.',
  },
  SESSION_ID_IN_USE: {
    status: 500,
    help: 'The function `genid` returned the id of a session that exists. Two people would share it, so the new one was not stored. Return an unguessable id that is another for each session.',
  },
  CACHE_KEY_INVALID: {
    status: 500,
    help: "A key given to `cacheAside` is not `<entity>:<id>`, or its entity is one of the toolkit's own; or the `key` of `cacheResponse` returned no text, under which responses for different people would be one.",
  },
  CACHE_TAGS_INVALID: {
    status: 500,
    help: 'Tags or URLs, given to the cache or returned by an option, are not a list of strings, or a URL does not begin with a slash. Nothing was cached, changed or invalidated under them.',
  },
  CACHE_VALUE_TOO_LARGE: {
    status: 500,
    help: 'A value given to `cacheAside` is more than `maxValueBytes` of JSON (1 MB by default). Cache parts of it under keys of their own, or raise the option.',
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
    help: 'Redis could not take the mark that guards a change against stale reads, so the change was not made. A later attempt may succeed, unless the cause is a configuration.',
  },
  IDEMPOTENCY_KEY_MISSING: {
    status: 400,
    help: 'The request needs the field `Idempotency-Key`, and `required` is set. Send a random value, such as a UUID.',
  },
  IDEMPOTENCY_KEY_INVALID: {
    status: 400,
    help: 'The field `Idempotency-Key` is not one key of 1 to 255 printable ASCII characters; with `syntax: strict` it is quoted.',
  },
  IDEMPOTENCY_SCOPE_MISSING: {
    status: 400,
    help: 'A request with `Idempotency-Key` comes from nobody who is known, so that its answer could reach somebody else. Log in first.',
  },
  IDEMPOTENCY_SCOPE_INVALID: {
    status: 500,
    help: 'The function `scope` of `idempotent` returned a value that names no client.',
  },
  IDEMPOTENCY_FINGERPRINT_INVALID: {
    status: 500,
    help: 'The function `fingerprint` of `idempotent` returned nothing, or a value that JSON cannot represent (a Map, a BigInt, NaN), so that another content would count as the same.',
  },
  IDEMPOTENCY_KEY_IN_USE: {
    status: 409,
    help: 'The first request with this `Idempotency-Key` has not been answered yet. Send the same request again later.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    help: 'This `Idempotency-Key` was sent before with another content. Use a new key for each operation.',
  },
  IDEMPOTENCY_OUTCOME_UNKNOWN: {
    status: 409,
    help: 'An earlier request with this `Idempotency-Key` stopped without a result, and `onLostLease` is `refuse`. Look whether the operation has happened.',
  },
  IDEMPOTENCY_CONTENT_TOO_LARGE: {
    status: 413,
    help: 'The content of a request with `Idempotency-Key` is larger than `maxContentBytes`.',
  },
  IDEMPOTENCY_CONTENT_TIMEOUT: {
    status: 408,
    help: 'The content of a request with `Idempotency-Key` did not arrive within 30 seconds.',
  },
  IDEMPOTENCY_REFUSED: {
    status: 503,
    help: 'Redis could not be asked whether a request with `Idempotency-Key` has happened, so the handler was not run. A later attempt may succeed, unless the cause is a configuration.',
  },
  TEST_REDIS_MISSING: {
    status: 500,
    help: 'Neither `startTestServer` nor `testRedis` found a Redis for the tests, or it does not start or answer. The message lists the ways to give them one.',
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
