import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type CacheRecord, decodeRecord, type Entry, encodeRecord } from './cache-record.js';
import { publish } from './diagnostics.js';
import type { PinnedVersions } from './fill-start.js';
import type { Fields } from './http/fields.js';
import { variantOf } from './http/vary.js';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { type TagVersionsOptions, tagVersions } from './tag-versions.js';

// Requests choose the variant: without a bound they could fill Redis with one URL.
const VARIANT_SLOTS = 32;
const REMEMBERED_IDS = 10_000;

export interface Lookup {
  readonly entry?: Entry;
  /** What there was in place of an entry (RFC 9211 §2.2). */
  readonly miss: 'uri-miss' | 'vary-miss';
}

/**
 * Responses in Redis, each with the versions of its tags. A lookup is one round trip and changes nothing. Under a
 * URL's key lies its response, or, when responses vary, the names of the request fields that tell which of a bounded
 * number of slots holds the one for a request.
 */
export function responseCache(redis: RedisClient, options: TagVersionsOptions) {
  const link = linkTo(redis);
  const names = keys(options.prefix);
  const versions = tagVersions(redis, options);
  const ask = { timeoutMs: options.timeoutMs };
  // The names that Vary had last time, so that the variant can be asked for together with them.
  const varied = new LRUCache<string, readonly string[]>({ max: REMEMBERED_IDS });

  // The tags that its handler named last time, likewise.
  const extraTags = new LRUCache<string, readonly string[]>({ max: REMEMBERED_IDS });

  const readVersions = async (tags: readonly string[]) => {
    const current = await versions.read(tags);
    return new Map(tags.map((tag, position) => [tag, current[position]!]));
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

  const read = async (key: string): Promise<CacheRecord | undefined> => {
    const bytes = await link.send<Buffer | null>('get', [key], { ...ask, as: 'bytes' });
    return bytes ? decodeRecord(bytes) : undefined;
  };
  const readVariant = async (id: string, vary: readonly string[], request: Fields) => {
    const variant = variantOf(vary, request);
    const record = await read(names.cacheVariant(id, slotOf(variant)));
    return record?.body && record.head.variant === variant ? record : undefined;
  };

  const find = async (id: string, request: Fields): Promise<{ found?: CacheRecord; varies: boolean }> => {
    const expected = varied.get(id);
    const [base, likely] = await Promise.all([
      read(names.cache(id)),
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
      publish(entry ? 'hit' : 'miss', () => ({ id, tags }));
      return { ...(entry ? { entry: entry as Entry } : {}), miss: varies ? 'vary-miss' : 'uri-miss' };
    },

    async store(id: string, entry: Entry, keepMs: number): Promise<void> {
      const { vary, variant } = entry.head;
      const px = ['PX', Math.max(1, Math.ceil(keepMs))] as const;
      const varies = vary.length > 0;
      const key = varies ? names.cacheVariant(id, slotOf(variant)) : names.cache(id);
      await Promise.all([
        link.send('set', [key, encodeRecord(entry), ...px], ask),
        varies && link.send('set', [names.cache(id), encodeRecord({ head: { vary } }), ...px], ask),
      ]);
      publish('filled', () => ({ id, bytes: entry.body.length, keepMs }));
    },

    /** Forgets the response for a request, where it turned out to be old. */
    async drop(id: string, { head }: Entry): Promise<void> {
      const key = head.vary.length > 0 ? names.cacheVariant(id, slotOf(head.variant)) : names.cache(id);
      await link.send('del', [key], ask);
    },
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
