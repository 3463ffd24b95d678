import type { Entry, Lookup, ResponseCache } from '../../src/cache/index.js';
import type { Fields } from '../../src/http/fields.js';
import { type Reuse, reuseOf } from '../../src/http/stale-by-age.js';
import { besideOthers, type FillEnd, type SingleFlight, type Taken } from '../../src/single-flight/index.js';
import { detachResponse } from '../response/index.js';
import { type CacheStatus, setCacheStatus } from './cache-status.js';
import type { PassedOn } from './conditional-request.js';
import { audienceOf, isPassedOn, usableEntry } from './entry-audience.js';
import { emptyPlan, type FillPlan, latePlan, pinnedPlan } from './fill-plan.js';
import type { Decision, FilledResponse, Forwarded } from './handler-decision.js';
import { decideWithoutRedis, reportBypass } from './redis-unavailable.js';
import { serveEntry } from './serve-entry.js';
import type { CacheSettings } from './settings.js';
import { serveShared, type Visit } from './shared-result.js';

/** How far a stored response answers a request. */
interface StoredUse {
  readonly isServed?: true;
  /** The entry, when the request may use it. */
  readonly entry?: Entry;
  readonly reuse?: Reuse;
}

interface DeciderParts {
  readonly cache: ResponseCache;
  readonly flights: SingleFlight<FilledResponse>;
  readonly settings: CacheSettings;
  readonly passedOn: PassedOn;
}

/** Answers from the cache, waits for the response to another request, or takes the right to ask the handler. */
export class Decider {
  readonly #cache: ResponseCache;
  readonly #flights: SingleFlight<FilledResponse>;
  readonly #settings: CacheSettings;
  readonly #passedOn: PassedOn;

  constructor({ cache, flights, settings, passedOn }: DeciderParts) {
    this.#cache = cache;
    this.#flights = flights;
    this.#settings = settings;
    this.#passedOn = passedOn;
  }

  /** In the same tick when the stored response is fresh. */
  decide(visit: Visit, first: Lookup): Decision | Promise<Decision> {
    const stored = this.#useStored(visit, first, first);
    return stored.isServed ? undefined : this.#withoutFresh(visit, first, stored);
  }

  /** Answers from the stored response if it is fresh. A request that has waited gives the entry from before that too. */
  #useStored(visit: Visit, lookup: Lookup, first: Lookup): StoredUse {
    const { req, res } = visit;
    const entry = usableEntry(lookup, req, this.#settings);
    if (!entry) return {};
    const hasWaited = lookup !== first;
    const reuse = this.#reuseOf(visit, entry, hasWaited ? first.entry : entry);
    if (reuse !== 'serve') return { entry, reuse };
    serveEntry(entry, req, res, hasWaited ? { fwd: fwdOf(first), collapsed: true } : { hit: true });
    return { isServed: true };
  }

  async #withoutFresh(visit: Visit, first: Lookup, stored: StoredUse): Promise<Decision> {
    const { requested, res, wanted } = visit;
    let [lookup, { entry, reuse }] = [first, stored];
    let isFailedElsewhere = false;
    for (;;) {
      if (entry && reuse === 'serve-and-refresh') return this.#refreshLater(visit, entry);
      if (wanted.has('only-if-cached')) {
        setCacheStatus(res, { detail: 'only-if-cached' });
        res.status(504).end();
        return undefined;
      }
      const forward = { fwd: fwdBy(reuse, lookup), ...(entry && { stale: entry }) };
      if (!this.#isForOthers(visit, reuse, lookup.entry)) return this.#forwardAlone(visit, forward);
      const plan = pinnedPlan(this.#cache, requested);
      const { taken, beside } = await this.#take(visit, lookup, plan, isFailedElsewhere);
      const isNew = this.#isServed(visit, beside, first.entry);
      if (taken.right && !isNew) return { ...forward, right: taken.right, plan };
      taken.right?.end('stored');
      if (taken.ended && !isNew) {
        if (serveShared(visit, taken.ended, entry, forward.fwd, this.#settings)) return undefined;
        if (hasFailedHere(taken.ended)) return { ...forward, right: besideOthers(await plan.begin()), plan };
        isFailedElsewhere = taken.ended.outcome === 'failed';
      }
      lookup = isNew ? beside : await this.#lookUp(visit);
      const again = this.#useStored(visit, lookup, first);
      if (again.isServed) return undefined;
      ({ entry, reuse } = again);
    }
  }

  /** The handler answers, and nothing is stored. */
  decideWithoutRedis(visit: Visit, near: Entry | undefined): Promise<Decision> {
    return decideWithoutRedis(visit, near, {
      fillId: this.#fillId(visit),
      flights: this.#flights,
      settings: this.#settings,
      passedOn: this.#passedOn,
    });
  }

  async #refreshLater(visit: Visit, stale: Entry): Promise<Decision> {
    const { requested, req, res, wanted } = visit;
    const isDetached = await detachResponse(req, res, () => serveEntry(stale, req, res, { hit: true }));
    // The last two: their responses may not be stored.
    if (!isDetached || req.method === 'HEAD' || wanted.has('no-store')) return undefined;
    const plan = pinnedPlan(this.#cache, requested);
    const taking = this.#flights.take(this.#fillId(visit), plan.begin, { wait: false, until: 0 });
    const { right } = await taking.catch((error: unknown): Taken<FilledResponse> => {
      reportBypass(error, req, this.#settings);
      return {};
    });
    return right && { fwd: 'stale', right, plan, stale, inBackground: true };
  }

  /** @param earlier the entry from before the request waited: another one was validated since */
  #reuseOf(visit: Visit, entry: Entry, earlier: Entry | undefined): Reuse {
    const { earlyRefresh } = this.#settings;
    // Node drops the content of a request that is answered, and the handler of a QUERY needs it.
    const isQuery = visit.req.method === 'QUERY';
    const isEager = earlyRefresh > 0 && !isQuery && this.#isForOthers(visit, 'serve', entry);
    const known = reuseOf(entry.head.terms, visit.wanted, Date.now(), isEager ? earlyRefresh : 0);
    const reuse = isQuery && known === 'serve-and-refresh' ? 'stale' : known;
    return reuse === 'stale' && isAnother(entry, earlier) ? 'serve' : reuse;
  }

  #isServed(visit: Visit, lookup: Lookup, earlier: Entry | undefined): boolean {
    const entry = usableEntry(lookup, visit.req, this.#settings);
    if (!entry) return false;
    const reuse = reuseOf(entry.head.terms, visit.wanted, Date.now());
    return reuse === 'serve' || (reuse === 'stale' && isAnother(entry, earlier));
  }

  #isForOthers({ requested, req }: Visit, reuse: Reuse | undefined, stored: Entry | undefined): boolean {
    if (reuse === 'request') return false;
    if (reuse === undefined && isPassedOn(req, requested.id, this.#passedOn)) return false;
    return audienceOf(req, stored, this.#settings) === 'everybody';
  }

  async #forwardAlone(visit: Visit, forward: Pick<Forwarded, 'fwd' | 'stale'>): Promise<Decision> {
    const plan = this.#planAlone(visit, forward.stale);
    return { ...forward, right: besideOthers(await plan.begin()), plan };
  }

  #planAlone({ requested, req }: Visit, stale: Entry | undefined): FillPlan {
    const audience = audienceOf(req, stale, this.#settings);
    if (audience === 'nobody' || (req.method === 'HEAD' && !stale)) return emptyPlan('nothing');
    const isSeldomStored = audience === 'one person' || req.method === 'HEAD';
    return isSeldomStored ? latePlan(this.#cache, requested) : pinnedPlan(this.#cache, requested);
  }

  /**
   * Takes the fill right, or waits for another fill. A second look-up goes in the same write: between the first one and
   * the lease another request may have filled. If that look-up fails, the first one counts: the right must be ended.
   */
  async #take(visit: Visit, seen: Lookup, plan: FillPlan, isFailedElsewhere: boolean) {
    const waiting = { wait: true, until: visit.until };
    const fillId = this.#fillId(visit);
    const taking = isFailedElsewhere
      ? this.#flights.takeInProcess(fillId, plan.begin, waiting)
      : this.#flights.take(fillId, plan.begin, waiting);
    const [taken, beside] = await Promise.all([taking, this.#lookUp(visit).catch(() => seen)]);
    return { taken, beside };
  }

  #fillId({ requested, req }: Visit): string {
    return this.#cache.fillId(requested.id, req.headers as Fields);
  }

  #lookUp({ requested, req }: Visit): Promise<Lookup> {
    return this.#settings.sharedQueries.lookUp(this.#cache, requested, req.headers as Fields);
  }
}

/** A failure in this process: all requests that waited for it run their handlers, because none would help the others. */
const hasFailedHere = ({ outcome, began }: FillEnd<FilledResponse>): boolean =>
  outcome === 'failed' && began !== undefined;

/** Whether an entry was stored, or validated, after the other one. */
const isAnother = ({ head: { terms } }: Entry, earlier: Entry | undefined): boolean =>
  terms.thenMs !== earlier?.head.terms.thenMs;

const fwdBy = (reuse: Reuse | undefined, { miss }: Lookup): NonNullable<CacheStatus['fwd']> =>
  reuse === undefined ? miss : reuse === 'request' ? reuse : 'stale';

const fwdOf = ({ entry, miss }: Lookup): NonNullable<CacheStatus['fwd']> => (entry ? 'stale' : miss);
