import { randomBytes } from 'node:crypto';
import { publish } from './diagnostics.js';
import { generationOf } from './generation.js';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { loadScript } from './scripts.js';

const markTag = loadScript('mark-tag');
const refreshTag = loadScript('refresh-tag');

// A version that expires costs one miss; a day keeps that rare, and unused tags from piling up.
const VERSION_TTL_MS = 24 * 3_600_000;

/** The tag of everything that is cached. */
export const EVERYTHING = '*';

/** The current versions of some tags, in their order; null where there is none or a mutation is in flight. */
export type Versions = readonly (string | null)[];

/** Unique, never a counter: one that was evicted and began anew could match an old entry again. */
export const freshVersion = (): string => randomBytes(9).toString('base64url');

export interface TagVersionsOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Whether versions from before a restart of Redis still count. */
  readonly onRestart?: 'forget' | 'keep';
}

/**
 * The versions of tags. An entry carries the versions that it was filled under and is served only while they
 * are current, so an invalidation costs one write per tag however many entries there are.
 */
export function tagVersions(
  redis: RedisClient,
  { prefix, timeoutMs, onRestart = 'forget' }: TagVersionsOptions,
) {
  const link = linkTo(redis);
  const names = keys(prefix);
  const ask = { timeoutMs };

  const generation = onRestart === 'keep' ? async () => '' : generationOf(redis);

  // A version counts only in the run of the server that it was read from.
  const ofThisRun = async (values: readonly Promise<string | null>[]): Promise<Versions> => {
    const [run, ...versions] = await Promise.all([generation(timeoutMs), ...values]);
    return versions.map((value) => {
      const version = unmarked(value);
      return version === null ? null : `${version}${run && `@${run}`}`;
    });
  };

  const epochKey = names.invalidationEpoch();
  const create = async (key: string): Promise<string> => {
    const fresh = freshVersion();
    return (
      (await link.send<string | null>('set', [key, fresh, 'PX', VERSION_TTL_MS, 'NX', 'GET'], ask)) ?? fresh
    );
  };

  // In a Cluster the epoch lies elsewhere: whoever sees a tag's new state must be able to see the new epoch.
  const afterNewEpoch = async (writes: () => Promise<unknown>[]): Promise<void> => {
    const epoch = link.send('set', [epochKey, freshVersion(), 'PX', VERSION_TTL_MS], ask);
    if (redis.isCluster) await epoch;
    await Promise.all([epoch, ...writes()]);
  };

  const refresh = async (tags: readonly string[], mark: string): Promise<void> => {
    await afterNewEpoch(() =>
      tags.map((tag) => link.run(refreshTag, [names.tag(tag)], [freshVersion(), VERSION_TTL_MS, mark], ask)),
    );
    publish('purged', () => ({ tags }));
  };

  return {
    /** Reads the versions. One key a command: in a Cluster each may live elsewhere. */
    read(tags: readonly string[]): Promise<Versions> {
      return ofThisRun(tags.map((tag) => link.send<string | null>('get', [names.tag(tag)], ask)));
    },

    /** Reads the versions and creates those that are missing; for the moment before a fill begins. */
    readOrCreate(tags: readonly string[]): Promise<Versions> {
      return ofThisRun(tags.map((tag) => create(names.tag(tag))));
    },

    /**
     * A value that every invalidation and every mutation changes before it touches a tag. While it is the same, tags
     * that were not known when a fill began had the versions that they have now.
     */
    epoch: async () => (await ofThisRun([create(epochKey)]))[0]!,

    /** Everything filled under these tags until now is dead when this resolves. */
    invalidate: (tags: readonly string[]) => refresh(tags, ''),

    mark(tags: readonly string[], mark: string, expiryMs: number): Promise<void> {
      return afterNewEpoch(() =>
        tags.map((tag) => link.run(markTag, [names.tag(tag)], [mark, expiryMs], ask)),
      );
    },

    /** Takes a mark out and gives the tags fresh versions; marks of other mutations stay. */
    unmark: (tags: readonly string[], mark: string) => refresh(tags, mark),
  };
}

export type TagVersions = ReturnType<typeof tagVersions>;

function unmarked(value: string | null): string | null {
  return value === null || value.startsWith('!') ? null : value;
}
