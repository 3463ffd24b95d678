export { LocalLimiter } from './local-limiter.js';
export type { Algorithm, Policy, Quota, Verdict } from './quota.js';
export { type RateLimiter, rateLimiter } from './rate-limiter.js';
export { RefusedClients } from './refused-clients.js';
