import type { ResponseCache } from '../../src/cache/index.js';
import type { BeginFill } from '../../src/single-flight/index.js';
import {
  beginFill,
  type FillStart,
  type PinnedVersions,
  readStart,
  unknownStart,
} from '../../src/tags/index.js';
import type { RequestedEntry } from './requested-entry.js';

/** Which versions are read before a handler runs, so that its response can be stored under them. */
export interface FillPlan {
  /** The tags whose versions are read, in the order of the start's versions. */
  readonly tags: readonly string[];
  readonly begin: BeginFill;
  /**
   * `pinned`: the response is stored under the versions that the tags had before. `late`: missing versions are created
   * afterwards. `shared in process`: it is not stored, but requests that wait in this process may use it. `nothing`.
   */
  readonly stores: 'pinned' | 'late' | 'shared in process' | 'nothing';
}

/**
 * For a response that may be stored. The tags that the handler named last time are pinned as well: about others, an
 * invalidation of anything raises doubt.
 */
export function pinnedPlan(cache: ResponseCache, { id, tags }: RequestedEntry): FillPlan {
  const all = [...new Set([...tags, ...cache.handlerTags(id)])];
  return { tags: all, begin: () => beginFill(cache.versions, all), stores: 'pinned' };
}

/** For a response that is probably not stored: most requests create no version, or invented URLs would fill Redis. */
export function latePlan(cache: ResponseCache, requested: RequestedEntry): FillPlan {
  // Once such a response could not be stored for that reason, its tags are remembered.
  if (cache.handlerTags(requested.id).length > 0) return pinnedPlan(cache, requested);
  const { tags } = requested;
  return { tags, begin: () => readStart(cache.versions, tags), stores: 'late' };
}

/** For a response that is not stored. */
export function emptyPlan(stores: 'shared in process' | 'nothing'): FillPlan {
  return { tags: [], begin: async () => unknownStart([]), stores };
}

/** The versions that were known before the handler ran. */
export function knownVersions({ tags }: FillPlan, { versions }: FillStart): PinnedVersions {
  const known = tags.flatMap((tag, position) => {
    const version = versions[position];
    return version ? [[tag, version] as const] : [];
  });
  return Object.fromEntries(known);
}
