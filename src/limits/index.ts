export { type BlockedClient, type BlockedClients, BlockList } from './blocked-clients.js';
export { type CounterTerms, counterName, parseCounterName } from './counter-name.js';
export {
  type DeclaredLimit,
  declaredLimiters,
  declareLimiter,
  type LimiterDeclaration,
  limiterId,
} from './declared-limiters.js';
export { LocalLimiter } from './local-limiter.js';
export type { Algorithm, Policy, Quota, QuotaVerdict } from './quota.js';
export { RateLimiter } from './rate-limiter.js';
export { RefusedClients } from './refused-clients.js';
