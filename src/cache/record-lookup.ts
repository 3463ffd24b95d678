import type { Keys } from '../keys.js';
import { linkTo, type RedisClient, sharedQuestions } from '../redis/index.js';
import type { TagVersions, Versions } from '../tags/index.js';
import type { NearCache } from './near/near-cache.js';
import type { CacheRecord } from './record.js';
import { decodeRecord } from './record-format.js';
import type { StoredRecords } from './record-store.js';

interface Parts {
  readonly names: Keys;
  readonly near: NearCache | undefined;
  readonly records: StoredRecords;
  readonly versions: TagVersions;
}

/** Cache records, and beside them the versions that their tags have at that moment. */
export interface ReadTogether {
  readonly found: readonly (CacheRecord | undefined)[];
  readonly current: Versions;
}

/** Reads records and versions in one round trip, and what is near from memory; once for all who ask the same in one turn. */
export function recordReader(redis: RedisClient, { names, near, records, versions: stored }: Parts) {
  const link = linkTo(redis);

  const versions = async (tags: readonly string[]): Promise<Versions> => {
    if (!near) return stored.read(tags);
    const known = tags.map((tag) => near.version(names.tag(tag)));
    const unknown = tags.filter((_tag, position) => known[position] === undefined);
    if (unknown.length === 0) return known as Versions;
    const since = near.now();
    const read = await stored.read(unknown);
    for (const [position, tag] of unknown.entries()) {
      const version = read[position]!;
      if (version !== null) near.keepVersion(names.tag(tag), version, since);
    }
    let next = 0;
    return known.map((version) => version ?? read[next++]!);
  };

  const read = async (recordKeys: readonly string[], tags: readonly string[]): Promise<ReadTogether> => {
    if (near) {
      const asked = recordKeys.map((key) => records.read(key));
      const [found, current] = await Promise.all([Promise.all(asked), versions(tags)]);
      return { found, current };
    }
    const { values, versions: current } = await stored.readWith(recordKeys, tags);
    return { found: values.map((bytes) => (bytes ? decodeRecord(bytes) : undefined)), current };
  };

  const shared = sharedQuestions<ReadTogether>(link);
  // No key has white space in it, whatever a tag has.
  const ask = (recordKeys: readonly string[], tags: readonly string[]) =>
    shared([...recordKeys, ...tags.map(names.tag)].join(' '), () => read(recordKeys, tags));

  return {
    versions,

    together(recordKeys: readonly string[], tags: readonly string[]): Promise<ReadTogether> {
      if (!near) return ask(recordKeys, tags);
      const proven = () => near.proven(recordKeys, tags.map(names.tag));
      if (proven()) return link.endOfTurn().then(() => proven() ?? read(recordKeys, tags));
      // What one takes from memory may be known to have changed when another would share it.
      return near.isTracked ? read(recordKeys, tags) : ask(recordKeys, tags);
    },
  };
}
