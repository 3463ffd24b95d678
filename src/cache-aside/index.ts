export { type CacheAside, type CachedValue, cacheAside } from './cache-aside.js';
export type { CacheState } from './cache-state.js';
export type { CacheAsideOptions, CachedValueOptions, StoredValueOptions } from './options.js';
