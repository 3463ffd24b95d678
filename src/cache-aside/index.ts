export { type CacheAside, cacheAside } from './cache-aside.js';
export type { CacheAsideOptions, CachedValueOptions } from './options.js';
