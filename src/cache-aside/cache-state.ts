import { ToolkitError } from '../errors.js';
import {
  type FillStart,
  type PinnedVersions,
  pinLate,
  readStart,
  type TagVersions,
  unknownStart,
} from '../tags/index.js';

/** The state of the cache when `get` was called. `set` stores a value only if nothing was invalidated since. */
export class CacheState {
  readonly #tags: readonly string[];
  readonly #start: FillStart;

  /** @param tags those whose versions `start` has */
  constructor(tags: readonly string[], start: FillStart) {
    this.#tags = tags;
    this.#start = start;
  }

  /** Reads the state; to be called before the value is read from the database. */
  static async now(versions: TagVersions, tags: readonly string[]): Promise<CacheState> {
    return new CacheState(tags, await readStart(versions, tags));
  }

  /** The state while Redis is away: nothing can be stored. */
  static unknown(): CacheState {
    return new CacheState([], unknownStart([]));
  }

  /** The versions that the tags had then; undefined when one of them is unknown or has changed since. */
  pin(versions: TagVersions, tags: readonly string[]): Promise<PinnedVersions | undefined> {
    const known = tags.flatMap((tag) => {
      const version = this.#start.versions[this.#tags.indexOf(tag)];
      return version ? [[tag, version] as const] : [];
    });
    return pinLate(versions, this.#start, Object.fromEntries(known), tags);
  }
}

/** @throws ToolkitError `OPTION_INVALID` */
export function checkState(since: unknown): asserts since is CacheState {
  if (since instanceof CacheState) return;
  throw new ToolkitError(
    'OPTION_INVALID',
    'cacheAside: option "since" of set must be the `since` that get returned before the value was read, so that a value older than an invalidation is not stored; or use getOrLoad',
  );
}
