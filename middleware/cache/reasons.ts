import type { StoringRefusal } from '../../src/http/storing.js';
import type { PersonalBy } from './personal.js';

/** Why the cache was not asked. */
export type BypassReason = 'content' | 'host' | 'redis-unavailable' | 'session-before' | 'skip';

/**
 * The words in `detail` of `Cache-Status` (RFC 9211 §2.8): why a response was not stored, or why one was sent that is
 * no plain hit. The guide docs/guides/why-not-cached.md has a row for each.
 */
export type CacheReason =
  | BypassReason
  | PersonalBy
  | StoringRefusal
  | 'cache-groups'
  | 'head'
  | 'late-tags'
  | 'near'
  | 'only-if-cached'
  | 'other-validator'
  | 'request-no-store'
  | 'session-read'
  | 'stale-if-error'
  | 'tag-marked'
  | 'target'
  | 'too-large';
