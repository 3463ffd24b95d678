import type { Entry } from '../../src/cache/index.js';
import type { Fields } from '../../src/http/fields.js';
import type { FillRight } from '../../src/single-flight/index.js';
import type { CacheStatus } from './cache-status.js';
import type { FillPlan } from './fill-plan.js';
import type { RequestedEntry } from './requested-entry.js';

/** What a handler call came to, for the requests in this process that waited for it. */
export interface FilledResponse {
  /** The response, if it could not be stored because Redis is away. */
  readonly entry?: Entry;
  /** The status of an error that a stale response may stand in for. */
  readonly failedWith?: number;
}

/** A request that the handler answers. */
export interface Forwarded extends RequestedEntry {
  readonly fwd: NonNullable<CacheStatus['fwd']>;
  readonly right: FillRight<FilledResponse>;
  readonly plan: FillPlan;
  /** The request's fields before any were changed for the handler. */
  readonly asked: Fields;
  /** The entry that the handler may validate, and that stands in for its errors. */
  readonly stale?: Entry;
  /** While Redis is away: an entry that may have been invalidated, for errors that it explicitly tolerates. */
  readonly lastResort?: Entry;
  /** The client has its answer already. */
  readonly inBackground?: true;
}

/** How the handler is asked; undefined when the request is answered. */
export type Decision =
  | Pick<Forwarded, 'fwd' | 'right' | 'plan' | 'stale' | 'lastResort' | 'inBackground'>
  | undefined;
