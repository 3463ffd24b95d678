import { publish } from '../diagnostics.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient, replicasOf } from '../redis/index.js';
import { freshVersion } from './fresh-version.js';
import { KeptVersions } from './kept-versions.js';
import { owedPurgesOf } from './owed-purges.js';
import { markScriptOf, redisStateOf } from './redis-state.js';
import {
  type PinnedVersions,
  type ValuesAndVersions,
  type Versions,
  versionReader,
} from './version-reader.js';

const refreshTag = loadScript('refresh-tag');

// An expired version costs one miss. A day keeps that rare, and unused tags from piling up.
const VERSION_TTL_MS = 24 * 3_600_000;
// The version that a fill creates must last until its entry is stored; `keep` has it live as long as the entry then.
const FILL_VERSION_TTL_MS = 120_000;

/** The tag of every cached response and value. No tag that passed `checkTags` is the same. */
export const EVERYTHING = '*';

export interface TagVersionsOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Whether versions from before a restart of Redis still count. */
  readonly onRestart?: 'forget' | 'keep';
  /** How many replicas must have a mark or a purge before it counts as made. */
  readonly waitForReplicas?: number;
}

/**
 * The versions of tags. An entry remembers the versions from before its handler ran, and is served only while they are
 * current. So an invalidation costs one write per tag, whatever the number of entries.
 */
export interface TagVersions {
  read(tags: readonly string[]): Promise<Versions>;

  /** Reads versions, and the values of other keys in the same commands. */
  readWith(others: readonly string[], tags: readonly string[]): Promise<ValuesAndVersions>;

  /**
   * Reads versions and creates the missing ones, for the length of a fill. Called before a handler runs whose answer may
   * be stored. All are null for a moment after Redis lost its data, because the marks of mutations in flight are lost too.
   */
  readOrCreate(tags: readonly string[]): Promise<Versions>;

  /**
   * Has versions live at least as long as an entry that refers to them. Resolves with false when one of them is known not
   * to be current any more.
   */
  keep(pinned: PinnedVersions, forMs: number): Promise<boolean>;

  /**
   * A value that every invalidation and every mutation changes before it touches a tag. While it is the same, tags
   * that were not known when a fill began had the versions that they have now.
   */
  epoch(): Promise<string | null>;

  /** The name of the state of Redis in which the tags lie. After a loss of data it is another. */
  state(tags: readonly string[]): Promise<string>;

  /** The same, as far as this process knows without asking. */
  stateKnown(tags: readonly string[]): string | undefined;

  /**
   * When this resolves, nothing that was filled under these tags before is served any more. When Redis does not
   * acknowledge it in time this rejects, and the purge is repeated until Redis does.
   */
  invalidate(tags: readonly string[]): Promise<void>;

  /** While a mark is there, no process serves or stores under the tag. */
  mark(tags: readonly string[], mark: string, expiryMs: number): Promise<void>;

  /** Removes a mark and invalidates the tags; the marks of other mutations stay. */
  unmark(tags: readonly string[], mark: string): Promise<void>;
}

export function tagVersions(
  redis: RedisClient,
  { prefix, timeoutMs, onRestart = 'forget', waitForReplicas = 0 }: TagVersionsOptions,
): TagVersions {
  const link = linkTo(redis);
  const names = keys(prefix);
  const ask = { timeoutMs };
  const reader = versionReader(redis, { timeoutMs, onRestart });
  const redisState = redisStateOf(redis, prefix);
  const look = (tags: readonly string[]) => redisState.look(tags.map(names.tag), timeoutMs);

  const readWith = (others: readonly string[], tags: readonly string[]) => {
    // A process that only serves hits must be able to notice a loss too.
    if (!redisState.isKnown) look(tags).catch(() => undefined);
    return reader.readWith(others, tags.map(names.tag));
  };

  const kept = new KeptVersions(link, names.tag, ask);

  const create = (key: string, expiryMs: number) => {
    const fresh = freshVersion();
    const there = link.send<string | null>('set', [key, fresh, 'PX', expiryMs, 'NX', 'GET'], ask);
    return reader.versionOf(
      key,
      there.then((value) => value ?? fresh),
    );
  };

  const { purge, mark } = tagWriter(redis, { prefix, timeoutMs, waitForReplicas });

  return {
    read: async (tags) => (tags.length === 0 ? [] : (await readWith([], tags)).versions),
    readWith,
    async readOrCreate(tags) {
      const created = Promise.all(tags.map((tag) => create(names.tag(tag), FILL_VERSION_TTL_MS)));
      const [versions, { isSettling }] = await Promise.all([created, look(tags)]);
      return isSettling ? versions.map(() => null) : versions;
    },
    keep: (pinned, forMs) => kept.keep(pinned, forMs),
    async epoch() {
      const epoch = await create(names.invalidationEpoch(), VERSION_TTL_MS);
      return epoch && `${epoch} ${redisState.losses}`;
    },
    state: async (tags) => (await look(tags)).name,
    stateKnown: (tags) => redisState.nameKnown(tags.map(names.tag)),
    invalidate: (tags) => purge(tags, ''),
    mark,
    unmark: purge,
  };
}

/** Writes marks and purges, each behind a new epoch. */
function tagWriter(
  redis: RedisClient,
  { prefix, timeoutMs, waitForReplicas }: { prefix: string; timeoutMs: number; waitForReplicas: number },
) {
  const link = linkTo(redis);
  const names = keys(prefix);
  const ask = { timeoutMs };
  const epochKey = names.invalidationEpoch();
  const replicasHaveHeard = replicasOf(redis, waitForReplicas);
  const markTag = markScriptOf(redis, prefix);
  const owedPurges = owedPurgesOf(redis);

  // In a Cluster the epoch lies on another node. A process that sees the new state of a tag must be able to see the new
  // epoch, so the epoch is acknowledged first.
  const afterNewEpoch = async (tags: readonly string[], write: (key: string) => Promise<unknown>) => {
    const tagKeys = tags.map(names.tag);
    const epoch = link.send('set', [epochKey, freshVersion(), 'PX', VERSION_TTL_MS], ask);
    if (redis.isCluster) await epoch;
    await Promise.all([epoch, ...tagKeys.map(write)]);
    await replicasHaveHeard([epochKey, ...tagKeys], timeoutMs);
  };

  const write = async (tags: readonly string[], mark: string) => {
    await afterNewEpoch(tags, (key) =>
      link.run(refreshTag, [key], [freshVersion(), VERSION_TTL_MS, mark], ask),
    );
    publish('purged', () => ({ tags }));
  };
  const everything = { tags: [EVERYTHING], write: () => write([EVERYTHING], '') };
  const purge = (tags: readonly string[], mark: string) =>
    owedPurges.make({ tags, write: () => write(tags, mark) }, { timeoutMs, instead: everything });

  return {
    purge,
    mark: (tags: readonly string[], mark: string, expiryMs: number) =>
      afterNewEpoch(tags, (key) => link.run(markTag, [key], [mark, expiryMs], ask)),
  };
}
