import { randomBytes } from 'node:crypto';
import { publish } from './diagnostics.js';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { loadScript } from './scripts.js';

const markTag = loadScript('mark-tag');
const refreshTag = loadScript('refresh-tag');

// A version that expires costs one miss; a day keeps that rare, and unused tags from piling up.
const VERSION_TTL_MS = 24 * 3_600_000;

/** The current versions of some tags, in their order; null where there is none or a mutation is in flight. */
export type Versions = readonly (string | null)[];

/** Unique, never a counter: one that was evicted and began anew could match an old entry again. */
export const freshVersion = (): string => randomBytes(9).toString('base64url');

/**
 * The versions of tags. An entry carries the versions that it was filled under and is served only while they
 * are current, so an invalidation costs one write per tag however many entries there are.
 */
export function tagVersions(
  redis: RedisClient,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
) {
  const link = linkTo(redis);
  const names = keys(prefix);
  const ask = { timeoutMs };

  const refresh = async (tags: readonly string[], mark: string): Promise<void> => {
    await Promise.all(
      tags.map((tag) => link.run(refreshTag, [names.tag(tag)], [freshVersion(), VERSION_TTL_MS, mark], ask)),
    );
    publish('purged', () => ({ tags }));
  };

  return {
    /** Reads the versions. One key a command: in a Cluster each may live elsewhere. */
    read(tags: readonly string[]): Promise<Versions> {
      return Promise.all(
        tags.map((tag) => link.send<string | null>('get', [names.tag(tag)], ask).then(unmarked)),
      );
    },

    /** Reads the versions and creates those that are missing; for the moment before a fill begins. */
    readOrCreate(tags: readonly string[]): Promise<Versions> {
      return Promise.all(
        tags.map(async (tag) => {
          const fresh = freshVersion();
          const args = [names.tag(tag), fresh, 'PX', VERSION_TTL_MS, 'NX', 'GET'];
          return unmarked((await link.send<string | null>('set', args, ask)) ?? fresh);
        }),
      );
    },

    /** Everything filled under these tags until now is dead when this resolves. */
    invalidate: (tags: readonly string[]) => refresh(tags, ''),

    async mark(tags: readonly string[], mark: string, expiryMs: number): Promise<void> {
      await Promise.all(tags.map((tag) => link.run(markTag, [names.tag(tag)], [mark, expiryMs], ask)));
    },

    /** Takes a mark out and gives the tags fresh versions; marks of other mutations stay. */
    unmark: (tags: readonly string[], mark: string) => refresh(tags, mark),
  };
}

export type TagVersions = ReturnType<typeof tagVersions>;

function unmarked(value: string | null): string | null {
  return value === null || value.startsWith('!') ? null : value;
}
