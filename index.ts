export {
  type CacheResponseOptions,
  cacheResponse,
  type InvalidateOnOptions,
  invalidateOn,
} from './middleware/cache/index.js';
export {
  type Idempotency,
  type IdempotencyScope,
  type IdempotentOptions,
  idempotent,
} from './middleware/idempotent/index.js';
export { problemDetails } from './middleware/problem/index.js';
export {
  ipKeyGenerator,
  type PerRequest,
  type RateLimitHandlerSettings,
  type RateLimitInfo,
  type RateLimitKey,
  type RateLimitMiddleware,
  type RateLimitOptions,
  type RateLimitPolicy,
  type RateLimitTerms,
  rateLimit,
} from './middleware/rate-limit/index.js';
export {
  type CookieLife,
  type ListedSession,
  type Session,
  type SessionAdoptOptions,
  type SessionCallback,
  type SessionCalls,
  type SessionConflict,
  type SessionCookie,
  type SessionCookieOptions,
  type SessionMiddleware,
  type SessionOptions,
  type SessionSecret,
  type SessionUser,
  session,
} from './middleware/session/index.js';
export { stack } from './middleware/stack/index.js';
export type { NearCacheOptions } from './src/cache/index.js';
export {
  type CacheAside,
  type CacheAsideOptions,
  type CachedValue,
  type CachedValueOptions,
  type CachedValues,
  type CacheState,
  cacheAside,
  type NearValuesOptions,
  type StoredValueOptions,
  type TagsByKey,
} from './src/cache-aside/index.js';
export type { DiagnosticEvents, DiagnosticName } from './src/diagnostics.js';
export { ERROR_CATALOGUE } from './src/error-catalogue.js';
export { type ErrorCode, ToolkitError } from './src/errors.js';
export type { Algorithm, Policy, Quota } from './src/limits/index.js';
export { type LockHold, type LockOptions, withLock } from './src/locks/index.js';
export type { Logger } from './src/logger.js';
export {
  type EventStream,
  type EventsOptions,
  type ListenerOptions,
  type Publisher,
  type PublisherOptions,
  publisher,
  type Subscriber,
  type SubscriberOptions,
  subscriber,
} from './src/messages/index.js';
export { NOTICE_CATALOGUE, type NoticeCode } from './src/notices.js';
export { type BullOptions, bullOptions } from './src/queues/index.js';
export {
  type CloseRedisOptions,
  type ConnectRedisOptions,
  closeRedis,
  connectRedis,
  ping,
  type RedisClient,
} from './src/redis/index.js';
export type {
  CacheEvent,
  FilledEvent,
  IdempotencyEvent,
  LimitEvent,
  PolicyReading,
  PurgedEvent,
  RefundedEvent,
  RequestEvent,
  SessionDestroyedEvent,
  SessionLoadedEvent,
  SessionLostEvent,
  SessionSavedEvent,
  UncountedEvent,
} from './src/request-events.js';
export type { SessionData, SessionDevice, SessionSummary } from './src/sessions/index.js';
export type {
  AuditEvent,
  FallbackEvent,
  LockAcquiredEvent,
  LockRefusedEvent,
  LockReleasedEvent,
  RecoveredEvent,
  UnavailableEvent,
  ValueEvent,
  ValueLoadedEvent,
  ValueStoredEvent,
} from './src/value-and-lock-events.js';
