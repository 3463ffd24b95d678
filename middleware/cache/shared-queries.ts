import type { Entry, EntryHead, Lookup, ResponseCache } from '../../src/cache/index.js';
import type { Fields } from '../../src/http/fields.js';
import { parseHttpDate } from '../../src/http/http-date.js';
import { type SearchVariance, searchUnder, searchVarianceOf } from '../../src/http/no-vary-search.js';
import { sha256, shortId } from '../../src/keys.js';
import { RecentMap } from '../../src/recent-map.js';
import { countingUrl, pathTag, type QueryParams, urlTag } from '../../src/tags/index.js';
import type { RequestedEntry } from './requested-entry.js';

interface KnownVariance {
  readonly variance: SearchVariance;
  /** The Date of the response that said so. */
  readonly at: number;
}

interface SharedQueriesOptions {
  readonly noVarySearch: boolean;
  readonly queryParams?: QueryParams;
}

/**
 * The latest `No-Vary-Search` of each origin and path, and where the one response for all equivalent URLs is stored. The
 * name of that place holds what the response itself said, so a request never finds a response that said anything else.
 */
export class SharedQueries {
  readonly #known = new RecentMap<KnownVariance>(10_000);
  readonly #queryParams: QueryParams | undefined;
  readonly #isOn: boolean;
  #isUsed = false;

  constructor({ noVarySearch, queryParams }: SharedQueriesOptions) {
    this.#isOn = noVarySearch;
    this.#queryParams = queryParams;
  }

  /** Forgets all that was said. */
  clear(): void {
    this.#known.clear();
    this.#isUsed = false;
  }

  /** The entry with the response for equivalent URLs, as far as this process knows; otherwise the same. */
  of(requested: RequestedEntry): RequestedEntry {
    if (!this.#isUsed || requested.exact || requested.origin === undefined) return requested;
    const known = this.#known.get(pathId(requested));
    return known ? this.#under(known.variance, requested) : requested;
  }

  /** The stored response, by the latest that is known; if there is none, by the exact URL. */
  lookUp(cache: ResponseCache, requested: RequestedEntry, request: Fields): Promise<Lookup> {
    const exact = requested.exact ?? requested;
    const { id, tags } = this.of(exact);
    const found = cache.lookUp(id, tags, request);
    return id === exact.id ? found : found.then((shared) => orExact(shared, cache, exact, request));
  }

  /** Whether a response answers all that waited for it: it may say anything else than the one before. */
  isFor(requested: RequestedEntry, { head }: Entry): boolean {
    return !requested.exact || this.placeFor(requested, head.fields).id === requested.id;
  }

  /** The other places in which the requested response may lie. */
  placesBeside(requested: RequestedEntry, id?: string): string[] {
    const exact = requested.exact ?? requested;
    return [...new Set([requested.id, exact.id, this.of(exact).id])].filter((each) => each !== id);
  }

  /** Where the requested response is stored: what the response says counts. */
  placeFor(requested: RequestedEntry, response: Fields): RequestedEntry {
    const exact = requested.exact ?? requested;
    if (!this.#isOn || exact.origin === undefined) return exact;
    const variance = searchVarianceOf(response);
    return variance ? this.#under(variance, exact) : exact;
  }

  /** Remembers what a stored response says, unless a newer one said something else. An error that says nothing ends nothing. */
  learn(requested: RequestedEntry, { status, fields }: EntryHead): void {
    const exact = requested.exact ?? requested;
    if (!this.#isOn || exact.origin === undefined) return;
    const variance = searchVarianceOf(fields);
    if (!variance && (!this.#isUsed || status >= 300)) return;
    const id = pathId(exact);
    const at = parseHttpDate(String(fields.date));
    if ((this.#known.get(id)?.at ?? 0) > at) return;
    if (variance) this.#known.set(id, { variance, at });
    else this.#known.delete(id);
    this.#isUsed = true;
  }

  #under(variance: SearchVariance, exact: RequestedEntry): RequestedEntry {
    const url = countingUrl(exact.url, this.#queryParams);
    const start = url.indexOf('?');
    const [path, query] = start < 0 ? [url, ''] : [url.slice(0, start), url.slice(start + 1)];
    const search = searchUnder(variance, query);
    if (search === undefined) return exact;
    const digest = sha256(JSON.stringify([variance.canonical, search]));
    // A purge of any URL of the path ends it: nobody knows for which of them it was stored.
    const own = urlTag(exact.url);
    const tags = [...new Set(exact.tags.map((tag) => (tag === own ? pathTag(exact.url) : tag)))];
    return { ...exact, id: shortId(`SEARCH:${digest}:${exact.origin}${path}`), tags, exact };
  }
}

async function orExact(shared: Lookup, cache: ResponseCache, exact: RequestedEntry, request: Fields) {
  if (shared.entry) return shared;
  const found = await cache.lookUp(exact.id, exact.tags, request);
  return found.entry ? found : shared;
}

const pathId = ({ origin, url }: RequestedEntry): string => shortId(`${origin}${url.split('?', 1)[0]}`);
