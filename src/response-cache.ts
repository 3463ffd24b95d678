import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import type { CacheRecord, Entry } from './cache-record.js';
import { publish } from './diagnostics.js';
import type { PinnedVersions } from './fill-start.js';
import type { Fields } from './http/fields.js';
import { variantOf } from './http/vary.js';
import { keys } from './keys.js';
import { nearCache } from './near-cache.js';
import type { NearCacheSettings } from './near-cache-options.js';
import { trackingOf } from './near-tracking.js';
import type { RedisClient } from './redis.js';
import { storedRecords } from './stored-records.js';
import { type TagVersionsOptions, tagVersions } from './tag-versions.js';

// Requests choose the variant: without a bound they could fill Redis with one URL.
const VARIANT_SLOTS = 32;
const REMEMBERED_IDS = 10_000;

export interface Lookup {
  readonly entry?: Entry;
  /** What there was in place of an entry (RFC 9211 §2.2). */
  readonly miss: 'uri-miss' | 'vary-miss';
}

export interface ResponseCacheOptions extends TagVersionsOptions {
  readonly nearCache?: NearCacheSettings;
}

/**
 * Responses in Redis, each with the versions of its tags. A lookup is one round trip and changes nothing. Under a
 * URL's key lies its response, or, when responses vary, the names of the request fields that tell which of a bounded
 * number of slots holds the one for a request.
 */
export function responseCache(redis: RedisClient, options: ResponseCacheOptions) {
  const names = keys(options.prefix);
  const near = nearOf(redis, options);
  const records = storedRecords(redis, { timeoutMs: options.timeoutMs }, near);
  const versions = tagVersions(redis, options);
  // The names that Vary had last time, so that the variant can be asked for together with them.
  const varied = new LRUCache<string, readonly string[]>({ max: REMEMBERED_IDS });

  // The tags that its handler named last time, likewise.
  const extraTags = new LRUCache<string, readonly string[]>({ max: REMEMBERED_IDS });

  const readVersions = async (tags: readonly string[]): Promise<ReadonlyMap<string, string | null>> => {
    const known = new Map<string, string | null>();
    for (const tag of tags) {
      const version = near?.version(names.tag(tag));
      if (version !== undefined) known.set(tag, version);
    }
    const unknown = tags.filter((tag) => !known.has(tag));
    if (unknown.length === 0) return known;
    const since = near?.now();
    const current = await versions.read(unknown);
    for (const [position, tag] of unknown.entries()) {
      const version = current[position]!;
      known.set(tag, version);
      if (version !== null) near?.keepVersion(names.tag(tag), version, since);
    }
    return known;
  };
  const isValid = async (
    id: string,
    { head }: Entry,
    tags: readonly string[],
    current: ReadonlyMap<string, string | null>,
  ): Promise<boolean> => {
    const pinned = Object.keys(head.versions);
    if (!tags.every((tag) => Object.hasOwn(head.versions, tag))) return false;
    const asked = new Set(tags);
    const extra = pinned.filter((tag) => !asked.has(tag));
    if (extra.length > 0) extraTags.set(id, extra);
    const unread = extra.filter((tag) => !current.has(tag));
    const all = unread.length > 0 ? new Map([...current, ...(await readVersions(unread))]) : current;
    return isCurrent(head.versions, all);
  };

  const keyOf = (id: string, { head }: Entry) =>
    head.vary.length > 0 ? names.cacheVariant(id, slotOf(head.variant)) : names.cache(id);
  const readVariant = async (id: string, vary: readonly string[], request: Fields) => {
    const variant = variantOf(vary, request);
    const record = await records.read(names.cacheVariant(id, slotOf(variant)));
    return record?.body && record.head.variant === variant ? record : undefined;
  };

  const find = async (id: string, request: Fields): Promise<{ found?: CacheRecord; varies: boolean }> => {
    const expected = varied.get(id);
    const [base, likely] = await Promise.all([
      records.read(names.cache(id)),
      expected && readVariant(id, expected, request),
    ]);
    if (!base || base.body) return { ...(base ? { found: base } : {}), varies: false };
    varied.set(id, base.head.vary);
    const found = sameNames(base.head.vary, expected)
      ? likely
      : await readVariant(id, base.head.vary, request);
    return { ...(found ? { found } : {}), varies: true };
  };

  return {
    versions,
    /** What is sent first is done first; not so in a Cluster, whose nodes know nothing of each other. */
    keepsOrder: !redis.isCluster,

    /** The response for a request, if all its tags are at the versions that it was filled under. */
    async lookUp(id: string, tags: readonly string[], request: Fields): Promise<Lookup> {
      const expected = [...new Set([...tags, ...(extraTags.get(id) ?? [])])];
      const [{ found, varies }, current] = await Promise.all([find(id, request), readVersions(expected)]);
      const entry = found?.body && (await isValid(id, found, tags, current)) ? found : undefined;
      // What was invalidated may not even stand in.
      if (found?.body && !entry) near?.forget(keyOf(id, found));
      publish(entry ? 'hit' : 'miss', () => ({ id, tags }));
      return { ...(entry ? { entry } : {}), miss: varies ? 'vary-miss' : 'uri-miss' };
    },

    /** What is near, whether or not it is still current; for when Redis cannot be asked. */
    lastKnown(id: string, request: Fields): Entry | undefined {
      const base = near?.record(names.cache(id))?.value;
      if (!base || base.body) return base;
      const variant = variantOf(base.head.vary, request);
      const found = near?.record(names.cacheVariant(id, slotOf(variant)))?.value;
      return found?.body && found.head.variant === variant ? found : undefined;
    },

    async store(id: string, entry: Entry, keepMs: number): Promise<void> {
      const { vary } = entry.head;
      await Promise.all([
        records.write(keyOf(id, entry), entry, keepMs),
        vary.length > 0 && records.write(names.cache(id), { head: { vary } }, keepMs),
      ]);
      publish('filled', () => ({ id, bytes: entry.body.length, keepMs }));
    },

    /** Forgets the response for a request, where it turned out to be old. */
    drop: (id: string, entry: Entry) => records.remove(keyOf(id, entry)),
  };
}

export type ResponseCache = ReturnType<typeof responseCache>;

// Marked or missing is not current, whatever the entry says.
function isCurrent(pinned: PinnedVersions, current: ReadonlyMap<string, string | null>): boolean {
  return Object.entries(pinned).every(([tag, version]) => current.get(tag) === version);
}

// Two variants may share a slot: the later takes it, and the other is a miss.
function slotOf(variant: string): number {
  return createHash('sha1').update(variant).digest().readUInt32BE() % VARIANT_SLOTS;
}

function sameNames(a: readonly string[], b: readonly string[] | undefined): boolean {
  return a.length === b?.length && a.every((name, position) => name === b[position]);
}

function nearOf(redis: RedisClient, { nearCache: given, prefix }: ResponseCacheOptions) {
  if (!given) return undefined;
  const tracking = given.mode === 'tracked' ? trackingOf(redis as Redis, prefix) : undefined;
  return nearCache(given.maxBytes, tracking);
}
