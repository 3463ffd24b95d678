import { linkTo, type ReadWithRun, type RedisClient, readWithRunOf } from '../redis/index.js';

/** The current versions of some tags, in their order; null for a missing version, and while a mutation is in flight. */
export type Versions = readonly (string | null)[];

/** Versions of tags by name. */
export type PinnedVersions = Readonly<Record<string, string>>;

/** Values of other keys, decoded, and the versions of tags at the same moment. */
export interface ValuesAndVersions<Value> {
  readonly values: readonly Value[];
  readonly versions: Versions;
}

/** Reads versions by their keys. */
export interface VersionReader {
  /** The version in a value that was just read from a key. */
  versionOf(key: string, value: Promise<string | null>): Promise<string | null>;
  /** Versions, and the values of other keys, with as few commands as possible. */
  readWith<Value>(
    others: readonly string[],
    decode: (value: Buffer | null) => Value,
    tagKeys: readonly string[],
  ): Promise<ValuesAndVersions<Value>>;
}

const withoutRun: ReadWithRun = (_key, { answer }, use) =>
  answer.then((value) => use({ answer: value, run: '' }));

export function versionReader(
  redis: RedisClient,
  { timeoutMs, onRestart }: { timeoutMs: number; onRestart: 'forget' | 'keep' },
): VersionReader {
  const link = linkTo(redis);
  const ask = { timeoutMs };
  const askBytes = { timeoutMs, as: 'bytes' } as const;
  const withRun = onRestart === 'keep' ? withoutRun : readWithRunOf(redis);

  const versionOf = (key: string, answer: Promise<string | null>) =>
    withRun(key, { answer, timeoutMs }, (read) => (read ? versionIn(read.answer, read.run) : null));

  const readFromCluster: VersionReader['readWith'] = async (others, decode, tagKeys) => {
    const [versions, ...values] = await Promise.all([
      Promise.all(tagKeys.map((key) => versionOf(key, link.send<string | null>('get', [key], ask)))),
      ...others.map((key) => link.send<Buffer | null>('get', [key], askBytes)),
    ]);
    return { values: values.map(decode), versions };
  };

  // An MGET of three keys costs Redis 0.7 times, and the process 0.4 times, as much as three GETs.
  const readFromServer: VersionReader['readWith'] = (others, decode, tagKeys) => {
    const together = [...others, ...tagKeys];
    const answer = link.send<readonly (Buffer | null)[]>('mget', together, askBytes);
    return withRun(together[0]!, { answer, timeoutMs }, (read) => ({
      values: others.map((_key, position) => decode(read?.answer[position] ?? null)),
      versions: tagKeys.map((_key, position) => {
        const value = read?.answer[others.length + position];
        return value ? versionIn(value.toString(), read!.run) : null;
      }),
    }));
  };

  // In a Cluster each key may lie on another node.
  return { versionOf, readWith: redis.isCluster ? readFromCluster : readFromServer };
}

// A version counts only in the run of the server that it was read from, and not while the mark of a mutation is there.
function versionIn(value: string | null, run: string): string | null {
  if (value === null || value.startsWith('!')) return null;
  return run === '' ? value : `${value}@${run}`;
}
