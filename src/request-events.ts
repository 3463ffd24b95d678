/** What events about one request have in common. */
export interface RequestEvent {
  /** The pattern of the route, as `req.route.path` has it; absent before the request has reached a route. */
  readonly route?: string;
  /** The request itself. It is not enumerable, so that a subscriber that logs the event logs no cookies. */
  readonly request?: object;
}

/** One policy of a limiter, as a client has it. */
export interface PolicyReading {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly used: number;
  readonly remaining: number;
  readonly resetMs: number;
  readonly retryAfterMs: number;
}

/** A decision of `rateLimit`. */
export interface LimitEvent extends RequestEvent {
  /** The `identifier` of the limiter; with `policies`, their names. */
  readonly identifier: string;
  /** The client. */
  readonly key: string;
  /** How much the request costs. */
  readonly cost: number;
  /** Who decided: Redis, the memory of refused clients, or this process alone because Redis is unavailable. */
  readonly by: 'redis' | 'memory' | 'process';
  /** Whether the limit admits the request. */
  readonly admitted: boolean;
  /** For how many more milliseconds the client is blocked. */
  readonly blockedMs: number;
  /** When it was decided, in milliseconds since 1970. */
  readonly at: number;
  /** The client's position under each policy. */
  readonly quotas: readonly PolicyReading[];
  /** Milliseconds that the decision took. */
  readonly durationMs: number;
}

/** A request that passed a limiter without being counted. */
export interface UncountedEvent extends RequestEvent {
  /** The `identifier` of the limiter; with `policies`, their names. */
  readonly identifier: string;
  /** `skipped`: the option `skip` said so. `redis-unavailable`: `onUnavailable` is `open`. */
  readonly reason: 'skipped' | 'redis-unavailable';
}

/** The charge of a request was given back, because its outcome does not count. */
export interface RefundedEvent extends RequestEvent {
  /** The `identifier` of the limiter; with `policies`, their names. */
  readonly identifier: string;
  /** The client. */
  readonly key: string;
  /** How much the request had cost. */
  readonly cost: number;
}

/** A decision of `cacheResponse`, in the words of `Cache-Status` (RFC 9211). */
export interface CacheEvent extends RequestEvent {
  /** The entry that the request asked for; absent when the cache was not asked. */
  readonly id?: string;
  /** Why the handler was asked; absent for a hit. */
  readonly fwd?: string;
  /** Whether the response will be stored. */
  readonly stored: boolean;
  /** Whether the request waited for the handler call of another request. */
  readonly collapsed: boolean;
  /** The reason, as the guide "Why is it not cached?" explains it. */
  readonly detail?: string;
  /** Milliseconds from the arrival at the cache to the head of the response. */
  readonly durationMs?: number;
}

/** A response was stored. */
export interface FilledEvent extends RequestEvent {
  /** The entry. */
  readonly id: string;
  /** Its tags. */
  readonly tags: readonly string[];
  /** The size of its body. */
  readonly bytes: number;
  /** For how many milliseconds Redis keeps it. */
  readonly keepMs: number;
  /** Milliseconds that Redis took. */
  readonly durationMs: number;
}

/** Redis has acknowledged an invalidation. */
export interface PurgedEvent extends RequestEvent {
  /** What was invalidated; `*` is everything. */
  readonly tags: readonly string[];
  /** Milliseconds that Redis took. */
  readonly durationMs: number;
}

/** A session was looked up. */
export interface SessionLoadedEvent extends RequestEvent {
  /** A digest of the session's id, as `list` gives it. */
  readonly handle: string;
  /** Whether the session exists. */
  readonly found: boolean;
  /** Milliseconds that Redis took. */
  readonly durationMs: number;
}

/** A session was written. */
export interface SessionSavedEvent extends RequestEvent {
  /** A digest of the session's id, as `list` gives it. */
  readonly handle: string;
  /** `absent`: it has ended meanwhile. `conflict`: another request changed the same field; see `onConflict`. */
  readonly outcome: 'created' | 'updated' | 'absent' | 'conflict';
  /** Milliseconds that Redis took. */
  readonly durationMs: number;
}

/** A session was ended. */
export interface SessionDestroyedEvent extends RequestEvent {
  /** A digest of the session's id, as `list` gives it. */
  readonly handle: string;
  /** Milliseconds that Redis took. */
  readonly durationMs: number;
}

/** The changes of a request to its session could not be stored after its response had begun. */
export interface SessionLostEvent extends RequestEvent {
  /** A digest of the session's id, as `list` gives it. */
  readonly handle: string;
  /** Why. */
  readonly reason: 'ended' | 'response begun';
}

/** A request with an `Idempotency-Key` was judged by `idempotent`. */
export interface IdempotencyEvent extends RequestEvent {
  /** `run`: the first attempt. `done`: answered from the first. `running`, `lost`, `mismatch`: refused. */
  readonly state: 'run' | 'done' | 'running' | 'lost' | 'mismatch';
  /** Milliseconds that Redis took. */
  readonly durationMs: number;
  /** Milliseconds for which the request then waited for the answer to an earlier one (`waitMs`). */
  readonly waitedMs: number;
}
