export { codecFor } from './codecs.js';
export { packed } from './compressed-entry.js';
export { type InspectedEntry, inspectEntries } from './inspect-entry.js';
export { type NearCacheOptions, type NearCacheSettings, readNearCacheOptions } from './near/options.js';
export type { Entry, EntryHead } from './record.js';
export { type Lookup, ResponseCache } from './response-cache.js';
