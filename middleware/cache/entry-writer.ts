import type { Request } from 'express';
import { type Entry, type EntryHead, packed, type ResponseCache } from '../../src/cache/index.js';
import { responseDirectives } from '../../src/http/cache-control.js';
import { isSameRepresentation } from '../../src/http/conditional.js';
import type { Arrived } from '../../src/http/freshness.js';
import { storedFields, updatedFields } from '../../src/http/stored-fields.js';
import { keepForMs, termsOf } from '../../src/http/storing.js';
import { variantOf, varyNames } from '../../src/http/vary.js';
import type { FillOutcome } from '../../src/single-flight/index.js';
import { isGroupTag, type PinnedVersions, pinLate } from '../../src/tags/index.js';
import { memberTags } from './cache-groups.js';
import type { CacheStatus } from './cache-status.js';
import { dateAndAge } from './date-and-age.js';
import { knownVersions } from './fill-plan.js';
import type { FilledResponse, Forwarded } from './handler-decision.js';
import { isForOnePerson } from './name-entry.js';
import { type PersonalBy, personalBy } from './personal.js';
import type { CacheReason } from './reasons.js';
import { reportedOutcome } from './redis-unavailable.js';
import type { RequestedEntry } from './requested-entry.js';
import type { CacheSettings } from './settings.js';
import { isCommonTarget } from './target.js';

/** Stores the response of one handler call under the versions from before it, or gives the fill right back. */
export class EntryWriter {
  readonly #cache: ResponseCache;
  readonly #forwarded: Forwarded;
  readonly #settings: CacheSettings;
  readonly #req: Request;
  readonly #known: PinnedVersions;
  readonly #named = new Set<string>();
  /** Where the response is stored. */
  #place: RequestedEntry;
  #isSettled = false;
  #personalBy: PersonalBy | undefined;
  #refusedBy: CacheReason | undefined;

  constructor(cache: ResponseCache, forwarded: Forwarded, settings: CacheSettings, req: Request) {
    this.#cache = cache;
    this.#forwarded = forwarded;
    this.#place = forwarded;
    this.#settings = settings;
    this.#req = req;
    this.#known = knownVersions(forwarded.plan, forwarded.right.start);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Why a response that does not declare its freshness was not stored. */
  get personalBy(): PersonalBy | undefined {
    return this.#personalBy;
  }

  /** Whether the response may be stored, as far as the request decides. */
  get mayStore(): boolean {
    return this.#requestRefusal === undefined;
  }

  /** The part of `Cache-Status` about storing the response. Late tags may yet prevent that, so nothing is promised then. */
  get storing(): Pick<CacheStatus, 'stored' | 'detail'> {
    const refusal = this.#requestRefusal ?? this.#refusedBy;
    const detail = refusal ?? (this.#hasLateTags ? 'late-tags' : undefined);
    return detail ? { detail } : { stored: true };
  }

  /** The response is not stored for this reason. */
  refuse(by: CacheReason): undefined {
    this.#refusedBy = by;
  }

  /** Whether it may be stored, or used by requests that wait in this process. */
  get mayUse(): boolean {
    return this.mayStore || (this.#forwarded.plan.stores === 'shared in process' && this.#isForAll);
  }

  /** The request's own tags and those that the handler names are the tags of the entry. */
  nameTags(more: readonly string[]): void {
    for (const tag of more) this.#named.add(tag);
  }

  /** Ends the fill. */
  settle(outcome: FillOutcome | Promise<FillOutcome>, result?: FilledResponse): void {
    const { right } = this.#forwarded;
    this.#isSettled = true;
    Promise.resolve(outcome).then(
      (known) => right.end(known, result),
      () => right.end('failed'),
    );
  }

  /** The head under which a response is stored, or shared while Redis is away; undefined when it may not be. */
  headOf(arrived: Arrived): EntryHead | undefined {
    const { asked } = this.#forwarded;
    if (!this.mayUse) return undefined;
    const terms = termsOf(arrived, asked, this.#settings);
    if (typeof terms === 'string') return this.refuse(terms);
    const { directives } = responseDirectives(arrived.fields, this.#settings.targets);
    const vary = varyNames(arrived.fields) ?? [];
    // Passport and the like may have set `req.user` only after the cache was asked.
    this.#personalBy = terms.isImplied ? personalBy(this.#req, this.#settings, vary) : undefined;
    if (this.#personalBy) return this.refuse(this.#personalBy);
    const groups = memberTags(this.#req, arrived.fields, this.#settings.logger);
    if (!groups) return this.refuse('cache-groups');
    this.nameTags(groups);
    this.#place = this.#settings.sharedQueries.placeFor(this.#forwarded, arrived.fields);
    const date = new Date(arrived.receivedAt).toUTCString();
    const fields = { date, ...storedFields(arrived.fields, directives) };
    const { status } = arrived;
    return { status, fields, terms, versions: {}, vary, variant: variantOf(vary, asked) };
  }

  store(entry: Entry): void {
    const { plan } = this.#forwarded;
    if (plan.stores === 'shared in process') {
      this.settle('unstorable', { entry });
      return;
    }
    this.#settings.sharedQueries.learn(this.#forwarded, entry.head);
    const storing = this.#store(entry);
    if (this.#hasLateTags) this.#cache.announce(this.#place.id, storing);
    this.settle(reportedOutcome(storing, this.#req, this.#settings));
  }

  drop(entry: Entry): void {
    const ids = this.#settings.sharedQueries.placesBeside(this.#forwarded);
    const dropping = Promise.all(ids.map((id) => this.#cache.drop(id, entry)));
    this.settle(dropping.then(() => 'unstorable'));
  }

  /** Stores the entry with the fields of a 304 or a HEAD about it; or removes it, and returns it unchanged. */
  refresh(entry: Entry, update: Arrived): Entry {
    const { requestedAt, receivedAt } = update;
    const fields = { ...updatedFields(entry.head.fields, update.fields), ...dateAndAge(update) };
    // A 304 that names groups replaces those that the entry belonged to.
    const isRegrouped = update.fields['cache-groups'] !== undefined;
    this.nameTags(Object.keys(entry.head.versions).filter((tag) => !isRegrouped || !isGroupTag(tag)));
    const isSame = isSameRepresentation(update.fields, entry.head.fields);
    const refreshed = { status: entry.head.status, fields, requestedAt, receivedAt };
    const head = isSame ? this.headOf(refreshed) : this.refuse('other-validator');
    if (head) this.store({ head, body: entry.body });
    else if (this.mayStore) this.drop(entry);
    else this.settle('unstorable');
    return head ? { head, body: entry.body } : entry;
  }

  get #allTags(): readonly string[] {
    return [...new Set([...this.#place.tags, ...this.#named])];
  }

  get #hasLateTags(): boolean {
    return !this.#allTags.every((tag) => Object.hasOwn(this.#known, tag));
  }

  get #requestRefusal(): CacheReason | undefined {
    const { tags, plan, fwd } = this.#forwarded;
    if (fwd === 'bypass') return 'redis-unavailable';
    if (!isCommonTarget(this.#req)) return 'target';
    if (!this.#isForAll)
      return isForOnePerson(this.#req, this.#settings) ? 'session-read' : 'request-no-store';
    if (plan.stores === 'late') return undefined;
    if (plan.stores !== 'pinned') return 'head';
    return tags.every((tag) => Object.hasOwn(this.#known, tag)) ? undefined : 'tag-marked';
  }

  get #isForAll(): boolean {
    const { asked } = this.#forwarded;
    return !isForOnePerson(this.#req, this.#settings) && !this.#settings.wantedBy(asked).has('no-store');
  }

  async #store({ head, body }: Entry): Promise<FillOutcome> {
    const { id } = this.#place;
    const versions = await this.#pin(this.#allTags);
    if (!versions) return 'invalidated';
    const { sharedQueries, groupMembers } = this.#settings;
    const entry = await packed({ head: { ...head, versions }, body }, this.#settings);
    const keepMs = keepForMs(head.terms, head.fields, Date.now());
    // First: a change that ends the entry must find its groups.
    const remembered = groupMembers?.remember(this.#allTags, keepMs);
    const stored = this.#cache.store(id, entry, keepMs, this.#req);
    // Over one connection in one write: a request that goes on finds the entry.
    if (this.#cache.keepsOrder) this.#forwarded.right.end('stored');
    // Of several responses for a URL the most recent one counts (RFC 9111 §4).
    const older = this.#forwarded.exact ? sharedQueries.placesBeside(this.#forwarded, id) : [];
    await Promise.all([remembered, stored, ...older.map((each) => this.#cache.drop(each, entry))]);
    return 'stored';
  }

  async #pin(all: readonly string[]): Promise<PinnedVersions | undefined> {
    const { id, tags } = this.#place;
    const known = Object.fromEntries(Object.entries(this.#known).filter(([tag]) => all.includes(tag)));
    const pinned = await pinLate(this.#cache.versions, this.#forwarded.right.start, known, all);
    const more = all.filter((tag) => !tags.includes(tag) || !(pinned || Object.hasOwn(known, tag)));
    // Next time they are pinned before the handler runs.
    if (pinned) this.#cache.handlerTags.replace(id, more);
    else this.#cache.handlerTags.add(id, more);
    return pinned;
  }
}
