export { type CacheAside, cacheAside } from './cache-aside.js';
export type { CacheState } from './cache-state.js';
export type { NearValuesOptions } from './near-options.js';
export type { CacheAsideOptions, CachedValueOptions, StoredValueOptions } from './options.js';
export type { CachedValue, CachedValues, TagsByKey } from './read-values.js';
