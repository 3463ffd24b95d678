import type { Entry, EntryHead, Lookup, ResponseCache } from '../../src/cache/index.js';
import type { Fields } from '../../src/http/fields.js';
import { parseHttpDate } from '../../src/http/http-date.js';
import { type SearchVariance, searchUnder, searchVarianceOf } from '../../src/http/no-vary-search.js';
import { sha256, shortId } from '../../src/keys.js';
import { RecentMap } from '../../src/recent-map.js';
import { countingUrl, pathTag, type QueryParams, urlTag } from '../../src/tags/index.js';
import type { Question } from './requested-entry.js';

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

  /** The question that finds the response for equivalent URLs, as far as this process knows; otherwise the same. */
  of(question: Question): Question {
    if (!this.#isUsed || question.exact || question.origin === undefined) return question;
    const known = this.#known.get(pathId(question));
    return known ? this.#under(known.variance, question) : question;
  }

  /** The stored response, by the latest that is known; if there is none, by the exact URL. */
  lookUp(cache: ResponseCache, question: Question, request: Fields): Promise<Lookup> {
    const exact = question.exact ?? question;
    const { id, tags } = this.of(exact);
    const found = cache.lookUp(id, tags, request);
    return id === exact.id ? found : found.then((shared) => orExact(shared, cache, exact, request));
  }

  /** Whether a response answers all that waited for it: it may say anything else than the one before. */
  isFor(question: Question, { head }: Entry): boolean {
    return !question.exact || this.placeFor(question, head.fields).id === question.id;
  }

  /** The other places in which an answer to this question may lie. */
  placesBeside(question: Question, id?: string): string[] {
    const exact = question.exact ?? question;
    return [...new Set([question.id, exact.id, this.of(exact).id])].filter((each) => each !== id);
  }

  /** Where a response to this question is stored: what the response says counts. */
  placeFor(question: Question, response: Fields): Question {
    const exact = question.exact ?? question;
    if (!this.#isOn || exact.origin === undefined) return exact;
    const variance = searchVarianceOf(response);
    return variance ? this.#under(variance, exact) : exact;
  }

  /** Remembers what a stored response says, unless a newer one said something else. An error that says nothing ends nothing. */
  learn(question: Question, { status, fields }: EntryHead): void {
    const exact = question.exact ?? question;
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

  #under(variance: SearchVariance, exact: Question): Question {
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

async function orExact(shared: Lookup, cache: ResponseCache, exact: Question, request: Fields) {
  if (shared.entry) return shared;
  const found = await cache.lookUp(exact.id, exact.tags, request);
  return found.entry ? found : shared;
}

const pathId = ({ origin, url }: Question): string => shortId(`${origin}${url.split('?', 1)[0]}`);
