import { keys } from '../keys.js';
import { linkTo, type RedisClient, whenReset } from '../redis/index.js';
import { freshVersion } from './fresh-version.js';
import { KeptVersions } from './kept-versions.js';
import { type RedisState, redisStateOf } from './redis-state.js';
import { tagWriter, VERSION_TTL_MS } from './tag-writer.js';
import {
  type PinnedVersions,
  type ValuesAndVersions,
  type Versions,
  versionReader,
} from './version-reader.js';

// The version that a fill creates must last until its entry is stored; `keep` has it live as long as the entry then.
const FILL_VERSION_TTL_MS = 120_000;

export interface TagVersionsOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Whether versions from before a restart of Redis still count. */
  readonly onRestart?: 'forget' | 'keep';
  /** How many replicas must have a mark or a purge before it counts as made. */
  readonly waitForReplicas?: number;
}

export interface EpochAndVersions {
  readonly epoch: string | null;
  readonly versions: Versions;
}

/**
 * The versions of tags. An entry remembers the versions from before its handler ran, and is served only while they are
 * current. So an invalidation costs one write per tag, whatever the number of entries.
 */
export interface TagVersions {
  read(tags: readonly string[]): Promise<Versions>;

  /** Reads versions, and the values of other keys in the same commands. */
  readWith<Value>(
    others: readonly string[],
    decode: (value: Buffer | null) => Value,
    tags: readonly string[],
  ): Promise<ValuesAndVersions<Value>>;

  /**
   * Reads the epoch and the versions before a handler runs whose answer may be stored. `create` creates the missing
   * versions, for the length of a fill. All are null for a moment after Redis lost its data: the marks of mutations in
   * flight are lost too then.
   */
  start(tags: readonly string[], missing: 'create' | 'leave'): Promise<EpochAndVersions>;

  /** Reads versions and creates the missing ones; null as those of `start`. */
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
  invalidate(tags: readonly string[], request?: object): Promise<void>;

  /** While a mark is there, no process serves or stores under the tag. */
  mark(tags: readonly string[], mark: string, expiryMs: number): Promise<void>;

  /** Removes a mark and invalidates the tags; the marks of other mutations stay. */
  unmark(tags: readonly string[], mark: string, request?: object): Promise<void>;

  /** Removes a mark and invalidates nothing. Repeated as a purge is, until Redis acknowledges it. */
  withdraw(tags: readonly string[], mark: string): Promise<void>;
}

export function tagVersions(redis: RedisClient, options: TagVersionsOptions): TagVersions {
  const { prefix, timeoutMs } = options;
  const names = keys(prefix);
  const redisState = redisStateOf(redis, prefix);
  const kept = new KeptVersions(linkTo(redis), names.tag, { timeoutMs });
  whenReset(redis, () => kept.clear());
  const { purge, mark, withdraw } = tagWriter(redis, options);
  return {
    ...tagReader(redis, redisState, options),
    keep: (pinned, forMs) => kept.keep(pinned, forMs),
    state: async (tags) => (await redisState.look(tags.map(names.tag), timeoutMs)).name,
    stateKnown: (tags) => redisState.nameKnown(tags.map(names.tag)),
    invalidate: (tags, request) => purge(tags, '', request),
    mark,
    unmark: purge,
    withdraw,
  };
}

function tagReader(
  redis: RedisClient,
  redisState: RedisState,
  { prefix, timeoutMs, onRestart = 'forget' }: TagVersionsOptions,
): Pick<TagVersions, 'read' | 'readWith' | 'start' | 'readOrCreate' | 'epoch'> {
  const link = linkTo(redis);
  const names = keys(prefix);
  const reader = versionReader(redis, { timeoutMs, onRestart });
  const epochKey = names.invalidationEpoch();
  const look = (tags: readonly string[]) => redisState.look([epochKey, ...tags.map(names.tag)], timeoutMs);

  const readWith: TagVersions['readWith'] = (others, decode, tags) => {
    // A process that only serves hits must be able to notice a loss too.
    if (!redisState.isKnown) look(tags).catch(() => undefined);
    return reader.readWith(others, decode, tags.map(names.tag));
  };
  const read = async (tags: readonly string[]): Promise<Versions> =>
    tags.length === 0 ? [] : (await readWith([], () => undefined, tags)).versions;

  const create = (key: string, expiryMs: number) => {
    const fresh = freshVersion();
    const args = [key, fresh, 'PX', expiryMs, 'NX', 'GET'];
    const there = link.send<string | null>('set', args, { timeoutMs });
    return reader.versionOf(
      key,
      there.then((value) => value ?? fresh),
    );
  };
  const readOrCreate = async (tags: readonly string[]): Promise<Versions> => {
    const created = Promise.all(tags.map((tag) => create(names.tag(tag), FILL_VERSION_TTL_MS)));
    const [versions, { isSettling }] = await Promise.all([created, look(tags)]);
    return isSettling ? versions.map(() => null) : versions;
  };
  const epoch = async () => {
    const current = await create(epochKey, VERSION_TTL_MS);
    return current && `${current} ${redisState.losses}`;
  };

  return {
    read,
    readWith,
    readOrCreate,
    epoch,
    async start(tags, missing) {
      const asked = missing === 'create' ? readOrCreate(tags) : read(tags);
      const [current, versions, { isSettling }] = await Promise.all([epoch(), asked, look(tags)]);
      return isSettling ? { epoch: null, versions: versions.map(() => null) } : { epoch: current, versions };
    },
  };
}
