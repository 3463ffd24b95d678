export { cacheResponse } from './cache-response.js';
export { type InvalidateOnOptions, invalidateOn } from './invalidate-on.js';
export type { CacheResponseOptions } from './options.js';
export type { CacheReason } from './reasons.js';
