export { cacheResponse } from './middleware/cache-response.js';
export type { CacheResponseOptions } from './middleware/cache-response-options.js';
export { ipKeyGenerator } from './middleware/client-address.js';
export { type InvalidateOnOptions, invalidateOn } from './middleware/invalidate-on.js';
export { type RateLimitMiddleware, rateLimit } from './middleware/rate-limit.js';
export type {
  PerRequest,
  RateLimitInfo,
  RateLimitOptions,
  RateLimitPolicy,
} from './middleware/rate-limit-options.js';
export {
  type ListedSession,
  type SessionCalls,
  type SessionMiddleware,
  session,
} from './middleware/session.js';
export type { SessionConflict } from './middleware/session-conflict.js';
export type { CookieLife, SessionCookie } from './middleware/session-cookie.js';
export type { SessionCookieOptions } from './middleware/session-cookie-options.js';
export type { Session, SessionCallback } from './middleware/session-object.js';
export type { SessionOptions } from './middleware/session-options.js';
export type { SessionSecret } from './middleware/session-secret.js';
export { stack } from './middleware/stack.js';
export { type BullOptions, bullOptions } from './src/bull-options.js';
export { type CacheAside, cacheAside } from './src/cache-aside.js';
export type { CacheAsideOptions, CachedValueOptions } from './src/cache-aside-options.js';
export { ERROR_CATALOGUE, type ErrorCode, ToolkitError } from './src/errors.js';
export type { EventStream } from './src/event-stream.js';
export { type LockHold, withLock } from './src/lock.js';
export type { LockOptions } from './src/lock-options.js';
export type { Logger } from './src/logger.js';
export type { NearCacheOptions } from './src/near-cache-options.js';
export { type Publisher, publisher } from './src/publisher.js';
export type {
  EventsOptions,
  ListenerOptions,
  PublisherOptions,
  SubscriberOptions,
} from './src/pubsub-options.js';
export type { Algorithm, Policy, Quota } from './src/rate-limiter.js';
export {
  type CloseRedisOptions,
  type ConnectRedisOptions,
  closeRedis,
  connectRedis,
  ping,
  type RedisClient,
} from './src/redis.js';
export type { SessionData } from './src/session-data.js';
export { type Subscriber, subscriber } from './src/subscriber.js';
export type { SessionDevice, SessionSummary } from './src/user-sessions.js';
