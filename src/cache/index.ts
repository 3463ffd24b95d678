export { codecFor } from './codecs.js';
export { packed } from './compressed-entry.js';
export { type InspectedEntry, inspectEntries } from './inspect-entry.js';
export type { NearFormat } from './near/near-cache.js';
export { nearCacheOf } from './near/near-cache-of.js';
export {
  type NearCacheOptions,
  type NearCacheSettings,
  nearCacheChecks,
  readNearCacheOptions,
  refuseTrackedCluster,
} from './near/options.js';
export type { Entry, EntryHead } from './record.js';
export { RecordLookup } from './record-lookup.js';
export { type RecordCodec, recordStore } from './record-store.js';
export { type Lookup, ResponseCache } from './response-cache.js';
