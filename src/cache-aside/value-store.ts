import { ToolkitError } from '../errors.js';
import { isDueEarly } from '../http/early-refresh.js';
import { isToolkits, keys } from '../keys.js';
import { givenName } from '../kind-of.js';
import { linkTo, type RedisClient, type RedisLink } from '../redis/index.js';
import { asOwnTag, EVERYTHING, type PinnedVersions, type TagVersions } from '../tags/index.js';
import type { NearValues } from './near-values.js';
import type { ValueLifetime } from './value-lifetime.js';

const KEY = /^([a-z][\w-]*):./i;

/** A value in Redis: plain JSON, readable from any language. */
interface StoredValue<T> {
  readonly value: T;
  readonly freshUntil: number;
  /** How long it took to load. */
  readonly loadMs?: number;
  readonly versions: PinnedVersions;
  /** When Redis forgets it; only beside a near cache, which outlives the key. */
  readonly expiresAt?: number;
}

export interface FoundValue<T> {
  readonly value: T;
  /** Nobody has to load it again. */
  readonly isFresh: boolean;
}

/** A key, and the tags that its value must have been stored under. */
export interface WantedValue {
  readonly key: string;
  readonly tags: readonly string[];
}

/** The tag by which the value of a key is invalidated. */
export const keyTag = (key: string): string => `key:${key}`;

/** All tags of a value: those of its options, its key's, and the tag of everything. */
export const tagsOfValue = (key: string, tags: readonly string[] = []): readonly string[] => [
  ...new Set([...tags.map(asOwnTag), keyTag(key), EVERYTHING]),
];

/** Values under `<entity>:<id>`, each with the versions of its tags. */
export class ValueStore {
  readonly #link: RedisLink;
  readonly #versions: TagVersions;
  readonly #nameOf: (key: string) => string;
  readonly #ask: { readonly timeoutMs: number };
  readonly #near: NearValues | undefined;

  constructor(
    redis: RedisClient,
    versions: TagVersions,
    { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
    near?: NearValues,
  ) {
    this.#near = near;
    this.#link = linkTo(redis);
    this.#versions = versions;
    this.#nameOf = keys(prefix).value;
    this.#ask = { timeoutMs };
  }

  async find<T>(key: string, tags: readonly string[], earlyRefresh = 0): Promise<FoundValue<T> | undefined> {
    const [found] = await this.findAll<T>([{ key, tags }], earlyRefresh);
    return found;
  }

  /** The values of several keys, in their order, in as few commands as one. Those of one key may be near. */
  async findAll<T>(wanted: readonly WantedValue[], earlyRefresh = 0): Promise<(FoundValue<T> | undefined)[]> {
    if (wanted.length === 0) return [];
    const names = wanted.map(({ key }) => this.#nameOf(key));
    const tags = [...new Set(wanted.flatMap((one) => one.tags))];
    const near = wanted.length === 1 && this.#near?.keeps(wanted[0]!.key) ? this.#near.lookup : undefined;
    const { values, versions } = near
      ? await near.together(names, tags).then((read) => ({ ...read, values: read.values.map(parsedText<T>) }))
      : await this.#versions.readWith(names, parsedValue<T>, tags);
    const current = new Map(tags.map((tag, position) => [tag, versions[position]]));
    // A value may have been stored with other tags than the caller has given.
    const others = [...new Set(values.flatMap((stored) => Object.keys(stored?.versions ?? {})))].filter(
      (tag) => !current.has(tag),
    );
    const more = others.length > 0 ? await (near ? near.versions(others) : this.#versions.read(others)) : [];
    for (const [position, tag] of others.entries()) current.set(tag, more[position]);
    return values.map((stored, position) => {
      const isCurrent = stored && isCurrentUnder(stored.versions, wanted[position]!.tags, current);
      return isCurrent ? foundValue(stored, earlyRefresh) : undefined;
    });
  }

  /**
   * Stores a value. Resolves with false when it is known to be old by now.
   *
   * @param json the value
   */
  async store(
    key: string,
    json: string,
    pinned: PinnedVersions,
    { ttlSeconds, staleSeconds }: ValueLifetime,
    loadMs = 0,
  ): Promise<boolean> {
    const about: Omit<StoredValue<never>, 'value'> = {
      freshUntil: Math.floor(Date.now() + ttlSeconds * 1000),
      loadMs,
      versions: pinned,
    };
    const expiryMs = Math.ceil((ttlSeconds + staleSeconds) * 1000);
    const near = this.#near?.keeps(key) ? this.#near.lookup : undefined;
    const facts = near ? { ...about, expiresAt: Date.now() + expiryMs } : about;
    const stored = `{"value":${json},${JSON.stringify(facts).slice(1)}`;
    const [isCurrent] = await Promise.all([
      this.#versions.keep(pinned, expiryMs),
      near
        ? near.write(this.#nameOf(key), stored, expiryMs)
        : this.#link.send('set', [this.#nameOf(key), stored, 'PX', expiryMs], this.#ask),
    ]);
    return isCurrent;
  }

  /** Removes a value that a newer one has replaced, which is not to be stored. */
  async drop(key: string): Promise<void> {
    if (this.#near) await this.#near.lookup.remove(this.#nameOf(key));
    else await this.#link.send('del', [this.#nameOf(key)], this.#ask);
  }
}

/** @throws ToolkitError `CACHE_KEY_INVALID` */
export function checkKey(key: unknown): asserts key is string {
  const entity = typeof key === 'string' ? KEY.exec(key)?.[1] : undefined;
  if (entity !== undefined && !isToolkits(entity)) return;
  const why =
    entity === undefined
      ? 'must be "<entity>:<id>", e.g. "user:7"'
      : `the entity "${entity}" belongs to the toolkit: choose another`;
  throw new ToolkitError('CACHE_KEY_INVALID', `cacheAside: key ${givenName(key)}: ${why}`);
}

/** Whether all tags of a value, and those that the caller wants, have the versions that it was stored with. */
const isCurrentUnder = (
  pinned: PinnedVersions,
  wanted: readonly string[],
  current: ReadonlyMap<string, string | null | undefined>,
): boolean =>
  [...wanted, ...Object.keys(pinned)].every(
    (tag) => pinned[tag] !== undefined && pinned[tag] === current.get(tag),
  );

function foundValue<T>(
  { value, freshUntil, loadMs = 0 }: StoredValue<T>,
  earlyRefresh: number,
): FoundValue<T> {
  const left = freshUntil - Date.now();
  return { value, isFresh: left > 0 && !isDueEarly({ left, cost: loadMs }, earlyRefresh) };
}

// A value under the key that was not stored by cacheAside is a miss, not an error.
const parsedValue = <T>(json: Buffer | null) => parsedText<T>(json?.toString());

function parsedText<T>(text: string | undefined): StoredValue<T> | undefined {
  if (text === undefined) return undefined;
  try {
    const stored = JSON.parse(text) as StoredValue<T> | null;
    const isThere = stored?.versions && 'value' in stored && !(stored.expiresAt! <= Date.now());
    return isThere ? stored : undefined;
  } catch {
    return undefined;
  }
}
