import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { publish } from '../diagnostics.js';
import { takesGzip } from '../http/content-coding.js';
import type { Fields } from '../http/fields.js';
import { variantOf } from '../http/vary.js';
import { keys } from '../keys.js';
import type { RedisClient } from '../redis/index.js';
import { type TagVersionsOptions, tagVersions, type Versions } from '../tags/index.js';
import { unpacked } from './compressed-entry.js';
import { trackingOf } from './near/change-tracking.js';
import { nearCache } from './near/near-cache.js';
import type { NearCacheSettings } from './near/options.js';
import { type CacheRecord, type Entry, isEntry } from './record.js';
import { recordReader } from './record-lookup.js';
import { storedRecords } from './record-store.js';

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
  const read = recordReader(redis, { names, near, records, versions });
  // The names that Vary had last time, so that the variant can be asked for together with them.
  const varied = new LRUCache<string, readonly string[]>({ max: REMEMBERED_IDS });

  // The tags that its handler named last time, likewise.
  const extraTags = new LRUCache<string, readonly string[]>({ max: REMEMBERED_IDS });

  /**
   * What of the entry's tags was not read beside it, those that the request names first; nothing at all when a version
   * is not the one that the entry was filled under.
   */
  const leftToRead = (
    id: string,
    { head }: Entry,
    tags: readonly string[],
    read: readonly string[],
    current: Versions,
  ): readonly string[] | undefined => {
    const pinned = Object.keys(head.versions);
    const isPinned = (tag: string) => Object.hasOwn(head.versions, tag);
    // Marked or missing is not current, whatever the entry says.
    const isCurrent = (tag: string, position: number) => current[position] === head.versions[tag];
    if (!tags.every(isPinned)) return undefined;
    if (!read.every((tag, position) => !isPinned(tag) || isCurrent(tag, position))) return undefined;
    if (pinned.length === tags.length) return [];
    extraTags.set(
      id,
      pinned.filter((tag) => !tags.includes(tag)),
    );
    return pinned.filter((tag) => !read.includes(tag));
  };
  const areCurrent = async ({ head }: Entry, tags: readonly string[]): Promise<boolean> => {
    const current = await read.versions(tags);
    return tags.every((tag, position) => current[position] === head.versions[tag]);
  };

  const keyOf = (id: string, { head }: Entry) =>
    head.vary.length > 0 ? names.cacheVariant(id, slotOf(head.variant)) : names.cache(id);
  const variantKey = (id: string, vary: readonly string[], request: Fields) =>
    names.cacheVariant(id, slotOf(variantOf(vary, request)));
  const variantBehind = async (
    id: string,
    { head: { vary } }: CacheRecord,
    { expected, likely }: { expected: readonly string[] | undefined; likely: CacheRecord | undefined },
    request: Fields,
  ): Promise<Entry | undefined> => {
    varied.set(id, vary);
    const isLikely = sameNames(vary, expected);
    const record = isLikely ? likely : await records.read(variantKey(id, vary, request));
    return isEntry(record) && record.head.variant === variantOf(vary, request) ? record : undefined;
  };

  return {
    versions,
    /** What is sent first is done first; not so in a Cluster, whose nodes know nothing of each other. */
    keepsOrder: !redis.isCluster,

    /** The response for a request, if all its tags are at the versions that it was filled under. */
    async lookUp(id: string, tags: readonly string[], request: Fields): Promise<Lookup> {
      const extra = extraTags.get(id);
      const all = extra ? [...new Set([...tags, ...extra])] : tags;
      const expected = varied.get(id);
      const base = names.cache(id);
      const recordKeys = expected ? [base, variantKey(id, expected, request)] : [base];
      const { found: stored, current } = await read.together(recordKeys, all);
      const [first, likely] = stored;
      const varies = first !== undefined && !isEntry(first);
      const found = varies ? await variantBehind(id, first, { expected, likely }, request) : first;
      const unread = isEntry(found) ? leftToRead(id, found, tags, all, current) : undefined;
      const isValid = unread?.length === 0 || (unread && (await areCurrent(found as Entry, unread)));
      const valid = isValid ? (found as Entry) : undefined;
      // What was invalidated may not even stand in.
      if (isEntry(found) && !valid) near?.forget(keyOf(id, found));
      const entry = valid?.coded ? await readyFor(request, valid) : valid;
      publish(entry ? 'hit' : 'miss', () => ({ id, tags }));
      return { ...(entry ? { entry } : {}), miss: varies ? 'vary-miss' : 'uri-miss' };
    },

    /** What is near, whether or not it is still current; for when Redis cannot be asked. */
    lastKnown(id: string, request: Fields): Entry | undefined {
      const base = near?.record(names.cache(id))?.value;
      if (!base || isEntry(base)) return base;
      const variant = variantOf(base.head.vary, request);
      const found = near?.record(names.cacheVariant(id, slotOf(variant)))?.value;
      return isEntry(found) && found.head.variant === variant ? found : undefined;
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

// What cannot be unpacked is not there.
async function readyFor(request: Fields, entry: Entry): Promise<Entry | undefined> {
  return takesGzip(request) ? entry : unpacked(entry as Entry & { coded: Buffer }).catch(() => undefined);
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
