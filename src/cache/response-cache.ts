import { clockFor, publish } from '../diagnostics.js';
import { takesCoding } from '../http/content-coding.js';
import type { Fields } from '../http/fields.js';
import { variantOf } from '../http/vary.js';
import { decidingPrefixes, type Keys, keys } from '../keys.js';
import { RecentMap } from '../recent-map.js';
import { type RedisClient, whenReset } from '../redis/index.js';
import { type TagVersions, type TagVersionsOptions, tagVersions } from '../tags/index.js';
import { monotonicNow } from '../timers.js';
import { unpacked } from './compressed-entry.js';
import { nearCacheOf } from './near/near-cache-of.js';
import { nearRecords } from './near/near-record.js';
import type { NearCacheSettings } from './near/options.js';
import { type CacheRecord, type Entry, isEntry } from './record.js';
import { RecordLookup } from './record-lookup.js';
import { cacheRecords, recordStore } from './record-store.js';
import { isPinnedAs, isStaleByTag, type ReadVersions } from './stale-by-tag.js';
import { isSameVary, Variants } from './variants.js';

const REMEMBERED_IDS = 10_000;

export interface Lookup {
  readonly entry?: Entry;
  /** Why there is no entry (RFC 9211 §2.2). */
  readonly miss: 'uri-miss' | 'vary-miss';
}

export interface ResponseCacheOptions extends TagVersionsOptions {
  readonly nearCache?: NearCacheSettings;
}

/**
 * Responses in Redis, each with the versions of its tags. A lookup is one round trip and changes nothing. The key of a
 * URL holds its response. If its responses vary, the key holds a signpost: the request fields that `Vary` names, from
 * which the key of a request's variant follows.
 */
export class ResponseCache {
  readonly versions: TagVersions;
  /** Whether Redis executes commands in the order in which they are sent; the nodes of a Cluster do not. */
  readonly keepsOrder: boolean;
  readonly #names: Keys;
  readonly #records: RecordLookup<CacheRecord>;
  readonly #variants: Variants;
  readonly #announced = new Map<string, Promise<void>>();
  // The tags that the handler named last time, so that their versions can be asked for together with the entry.
  readonly #lastHandlerTags = new RecentMap<readonly string[]>(REMEMBERED_IDS);

  constructor(redis: RedisClient, options: ResponseCacheOptions) {
    this.#names = keys(options.prefix);
    this.versions = tagVersions(redis, options);
    this.keepsOrder = !redis.isCluster;
    this.#variants = new Variants(redis, this.#names, options);
    whenReset(redis, () => this.#lastHandlerTags.clear());
    this.#records = new RecordLookup(redis, {
      near: nearOf(redis, options),
      stored: recordStore(redis, this.versions, cacheRecords, options),
      versions: this.versions,
      keyOfTag: this.#names.tag,
    });
  }

  /**
   * Has look-ups of this process wait for an entry that will be stored later than its response was sent, because the
   * versions of its tags have to be read first: the client's next request would be a miss.
   */
  announce(id: string, storing: Promise<unknown>): void {
    const stored = storing
      .catch(() => undefined)
      .then(() => {
        if (this.#announced.get(id) === stored) this.#announced.delete(id);
      });
    this.#announced.set(id, stored);
  }

  /** The response for a request, if all its tags still have the versions from before its handler ran. */
  async lookUp(id: string, tags: readonly string[], request: Fields): Promise<Lookup> {
    if (this.#announced.size > 0) await this.#announced.get(id);
    const handlerTags = this.#lastHandlerTags.get(id);
    const asked = handlerTags ? [...new Set([...tags, ...handlerTags])] : tags;
    const vary = this.#variants.lastVary(id);
    const base = this.#names.cache(id);
    const recordKeys = vary ? [base, this.#variants.keyFor(id, vary, request)] : [base];
    const { values, versions } = await this.#records.together(recordKeys, asked);
    const [first, likely] = values;
    const varies = first !== undefined && !isEntry(first);
    if (vary && isEntry(first)) this.#variants.sawNone(id);
    const found = varies ? await this.#variantBehind(id, first, { vary, likely }, request) : first;
    const unread = isEntry(found) ? this.#unreadTags(id, found, tags, { asked, versions }) : undefined;
    const isCurrent = unread?.length === 0 || (unread && (await this.#areCurrent(found as Entry, unread)));
    const current = isCurrent ? (found as Entry) : undefined;
    // An invalidated response must not even stand in for an error.
    if (isEntry(found) && !current) this.#records.forget(this.#keyOf(id, found));
    const entry = current?.coded ? await readyFor(request, current) : current;
    return { ...(entry ? { entry } : {}), miss: varies ? 'vary-miss' : 'uri-miss' };
  }

  /** Names the fills of this request: those of other variants would be of no use to it. */
  fillId(id: string, request: Fields): string {
    const vary = this.#variants.lastVary(id);
    return vary ? `${id} ${variantOf(vary, request)}` : id;
  }

  /** The tags that the handler named last time, besides those that the request names. */
  handlerTags(id: string): readonly string[] {
    return this.#lastHandlerTags.get(id) ?? [];
  }

  /** Remembers tags that the handler has named, whether or not its response is stored. */
  rememberHandlerTags(id: string, tags: readonly string[]): void {
    if (tags.length > 0) this.#lastHandlerTags.set(id, tags);
    else this.#lastHandlerTags.delete(id);
  }

  /** The response in the near cache, whether or not it is current; for when Redis does not answer. */
  lastKnown(id: string, request: Fields): Entry | undefined {
    const base = this.#records.lastKnown(this.#names.cache(id));
    if (!base || isEntry(base)) return base;
    const found = this.#records.lastKnown(this.#variants.keyFor(id, base.head.vary, request));
    return isEntry(found) && found.head.variant === variantOf(base.head.vary, request) ? found : undefined;
  }

  async store(id: string, entry: Entry, keepMs: number, request?: object): Promise<void> {
    const began = clockFor('filled');
    await Promise.all([
      this.versions.keep(entry.head.versions, keepMs),
      this.#records.write(this.#keyOf(id, entry), entry, keepMs),
      entry.head.vary.length > 0 && this.#storeSignpost(id, entry, keepMs),
    ]);
    const details = () => ({
      id,
      tags: Object.keys(entry.head.versions),
      bytes: entry.body.length,
      keepMs,
      durationMs: monotonicNow() - began,
    });
    publish('filled', details, request);
  }

  /** Removes the response that a request was found to have made old. */
  drop(id: string, entry: Entry): Promise<void> {
    return this.#records.remove(this.#keyOf(id, entry));
  }

  /** The entry's tags whose versions were not read together with it; undefined when the entry is not current. */
  #unreadTags(id: string, { head }: Entry, tags: readonly string[], read: ReadVersions) {
    if (isPinnedAs(head, read)) return [];
    if (isStaleByTag(head, tags, read)) return undefined;
    const pinned = Object.keys(head.versions);
    if (pinned.length === tags.length) return [];
    this.rememberHandlerTags(
      id,
      pinned.filter((tag) => !tags.includes(tag)),
    );
    return pinned.filter((tag) => !read.asked.includes(tag));
  }

  async #areCurrent({ head }: Entry, tags: readonly string[]): Promise<boolean> {
    const versions = await this.#records.versions(tags);
    return tags.every((tag, position) => versions[position] === head.versions[tag]);
  }

  async #variantBehind(
    id: string,
    { head: { vary } }: CacheRecord,
    guess: { readonly vary: readonly string[] | undefined; readonly likely: CacheRecord | undefined },
    request: Fields,
  ): Promise<Entry | undefined> {
    this.#variants.sawVary(id, vary);
    const record = isSameVary(vary, guess.vary)
      ? guess.likely
      : await this.#records.record(this.#variants.keyFor(id, vary, request));
    return isEntry(record) && record.head.variant === variantOf(vary, request) ? record : undefined;
  }

  async #storeSignpost(id: string, { head: { vary, variant } }: Entry, keepMs: number): Promise<void> {
    const signpostMs = this.#variants.signpostMs(id, vary, keepMs);
    const [forgotten] = await Promise.all([
      this.#variants.remember(id, variant, signpostMs),
      this.#records.write(this.#names.cache(id), { head: { vary } }, signpostMs),
    ]);
    await Promise.all(forgotten.map((key) => this.#records.remove(key)));
  }

  #keyOf(id: string, { head }: Entry): string {
    return head.vary.length > 0 ? this.#variants.keyOf(id, head.variant) : this.#names.cache(id);
  }
}

// A body that cannot be unpacked counts as a miss.
async function readyFor(request: Fields, entry: Entry): Promise<Entry | undefined> {
  return takesCoding(request, entry.head.coding!)
    ? entry
    : unpacked(entry as Entry & { coded: Buffer }).catch(() => undefined);
}

function nearOf(redis: RedisClient, { nearCache, prefix }: ResponseCacheOptions) {
  return nearCache && nearCacheOf(redis, nearCache, nearRecords, decidingPrefixes(prefix));
}
