export { cacheResponse } from './middleware/cache/cache-response.js';
export { type InvalidateOnOptions, invalidateOn } from './middleware/cache/invalidate-on.js';
export type { CacheResponseOptions } from './middleware/cache/options.js';
export { ipKeyGenerator } from './middleware/rate-limit/client-address.js';
export type {
  PerRequest,
  RateLimitInfo,
  RateLimitOptions,
  RateLimitPolicy,
} from './middleware/rate-limit/options.js';
export { type RateLimitMiddleware, rateLimit } from './middleware/rate-limit/rate-limit.js';
export type { SessionConflict } from './middleware/session/conflict.js';
export type { CookieLife, SessionCookie } from './middleware/session/cookie/cookie.js';
export type { SessionCookieOptions } from './middleware/session/cookie/options.js';
export type { SessionOptions } from './middleware/session/options.js';
export type { SessionSecret } from './middleware/session/secret.js';
export {
  type ListedSession,
  type SessionCalls,
  type SessionMiddleware,
  session,
} from './middleware/session/session.js';
export type { Session, SessionCallback } from './middleware/session/session-object.js';
export { stack } from './middleware/stack/stack.js';
export type { NearCacheOptions } from './src/cache/near/options.js';
export { type CacheAside, cacheAside } from './src/cache-aside/cache-aside.js';
export type { CacheAsideOptions, CachedValueOptions } from './src/cache-aside/options.js';
export { ERROR_CATALOGUE, type ErrorCode, ToolkitError } from './src/errors.js';
export type { Algorithm, Policy, Quota } from './src/limits/quota.js';
export type { LockOptions } from './src/locks/options.js';
export { type LockHold, withLock } from './src/locks/with-lock.js';
export type { Logger } from './src/logger.js';
export type { EventStream } from './src/messages/event-stream.js';
export type {
  EventsOptions,
  ListenerOptions,
  PublisherOptions,
  SubscriberOptions,
} from './src/messages/options.js';
export { type Publisher, publisher } from './src/messages/publisher.js';
export { type Subscriber, subscriber } from './src/messages/subscriber.js';
export { type BullOptions, bullOptions } from './src/queues/bull-options.js';
export {
  type CloseRedisOptions,
  type ConnectRedisOptions,
  closeRedis,
  connectRedis,
  ping,
  type RedisClient,
} from './src/redis/connect.js';
export type { SessionData } from './src/sessions/session-data.js';
export type { SessionDevice, SessionSummary } from './src/sessions/user-sessions.js';
