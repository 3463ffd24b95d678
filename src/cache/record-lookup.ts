import {
  linkTo,
  type RedisClient,
  type RedisLink,
  type ShareQuestion,
  sharedQuestions,
} from '../redis/index.js';
import type { TagVersions, Versions } from '../tags/index.js';
import type { NearCache } from './near/near-cache.js';
import type { RecordStore, RecordsAndVersions } from './record-store.js';

interface Sources<Stored> {
  readonly near: NearCache<Stored> | undefined;
  readonly stored: RecordStore<Stored>;
  readonly versions: TagVersions;
  /** The key of a tag. */
  readonly keyOfTag: (tag: string) => string;
}

/** Records from the memory of this process or from Redis. The only user of the near cache. */
export class RecordLookup<Stored> {
  readonly #near: NearCache<Stored> | undefined;
  readonly #stored: RecordStore<Stored>;
  readonly #storedVersions: TagVersions;
  readonly #keyOfTag: (tag: string) => string;
  readonly #link: RedisLink;
  readonly #share: ShareQuestion<RecordsAndVersions<Stored>>;

  constructor(redis: RedisClient, { near, stored, versions, keyOfTag }: Sources<Stored>) {
    this.#near = near;
    this.#stored = stored;
    this.#storedVersions = versions;
    this.#keyOfTag = keyOfTag;
    this.#link = linkTo(redis);
    this.#share = sharedQuestions(this.#link);
  }

  /** Records and the versions of tags, in one round trip; requests that ask the same in one turn share the answer. */
  together(keys: readonly string[], tags: readonly string[]): Promise<RecordsAndVersions<Stored>> {
    const near = this.#near;
    if (!near) return this.#askTogether(keys, tags, () => this.#stored.readWithVersions(keys, tags));
    const read = () => this.#readEach(keys, tags);
    // Items of a tracked near cache may be known to have changed when another request would share them.
    if (!near.isTracked) return this.#askTogether(keys, tags, read);
    const confirmed = () => near.confirmedTogether(keys, tags.map(this.#keyOfTag));
    return confirmed() ? this.#link.endOfTurn().then(() => confirmed() ?? read()) : read();
  }

  async versions(tags: readonly string[]): Promise<Versions> {
    const near = this.#near;
    if (!near) return this.#storedVersions.read(tags);
    const known = tags.map((tag) => near.version(this.#keyOfTag(tag)));
    const unknown = tags.filter((_tag, position) => known[position] === undefined);
    if (unknown.length === 0) return known as Versions;
    const since = near.now();
    const read = await this.#storedVersions.read(unknown);
    for (const [position, tag] of unknown.entries()) {
      const version = read[position]!;
      if (version !== null) near.keepVersion(this.#keyOfTag(tag), version, since);
    }
    let next = 0;
    return known.map((version) => version ?? read[next++]!);
  }

  async record(key: string): Promise<Stored | undefined> {
    const near = this.#near;
    if (!near) return (await this.#stored.read(key))?.record;
    const known = near.record(key);
    if (known && near.isConfirmed(known)) return known.value;
    const since = near.now();
    if (known) {
      const stamp = await this.#stored.readStamp(key);
      if (stamp === known.stamp) {
        near.confirm(key, known, since);
        return known.value;
      }
      near.forget(key);
      if (stamp === '') return undefined;
    }
    const stored = await this.#stored.read(key);
    if (stored) near.keepRecord(key, stored.record, stored.bytes, since);
    return stored?.record;
  }

  /** The record in the memory of this process, whether or not it is current. */
  lastKnown(key: string): Stored | undefined {
    return this.#near?.record(key)?.value;
  }

  /** Drops the record from the memory of this process. */
  forget(key: string): void {
    this.#near?.forget(key);
  }

  async write(key: string, record: Stored, expiryMs: number): Promise<void> {
    const bytes = await this.#stored.write(key, record, expiryMs);
    this.#near?.keepRecord(key, record, bytes);
  }

  remove(key: string): Promise<void> {
    this.forget(key);
    return this.#stored.remove(key);
  }

  #askTogether(
    keys: readonly string[],
    tags: readonly string[],
    ask: () => Promise<RecordsAndVersions<Stored>>,
  ): Promise<RecordsAndVersions<Stored>> {
    return this.#share(keys[0]!, [...keys, ...tags], ask);
  }

  async #readEach(keys: readonly string[], tags: readonly string[]): Promise<RecordsAndVersions<Stored>> {
    const [records, versions] = await Promise.all([
      Promise.all(keys.map((key) => this.record(key))),
      this.versions(tags),
    ]);
    return { values: records, versions };
  }
}
