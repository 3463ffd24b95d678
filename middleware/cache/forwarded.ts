import type { Entry } from '../../src/cache/index.js';
import type { Fields } from '../../src/http/fields.js';
import type { FillRight } from '../../src/single-flight/index.js';
import type { CacheStatus } from './cache-status.js';

/** A request that the handler answers. */
export interface Forwarded {
  readonly id: string;
  readonly tags: readonly string[];
  readonly fwd: NonNullable<CacheStatus['fwd']>;
  readonly turn: FillRight<never>;
  /** The request's fields before any were changed for the handler. */
  readonly asked: Fields;
  /** What the handler may validate, and what stands in for its errors. */
  readonly stale?: Entry;
  /** The client has its answer already. */
  readonly inBackground?: true;
}
