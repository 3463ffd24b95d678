export { ipKeyGenerator } from './client-address.js';
export type { RateLimitTerms } from './instance-api.js';
export type {
  PerRequest,
  RateLimitHandlerSettings,
  RateLimitInfo,
  RateLimitKey,
  RateLimitOptions,
  RateLimitPolicy,
} from './options.js';
export { type RateLimitMiddleware, rateLimit } from './rate-limit.js';
