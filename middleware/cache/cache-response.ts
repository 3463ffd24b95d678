import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { type Lookup, ResponseCache } from '../../src/cache/index.js';
import { isUnavailable } from '../../src/errors.js';
import type { Fields } from '../../src/http/fields.js';
import { readOptions } from '../../src/read-options.js';
import { RecentMap } from '../../src/recent-map.js';
import { whenReset } from '../../src/redis/index.js';
import { SingleFlight } from '../../src/single-flight/index.js';
import { monotonicNow } from '../../src/timers.js';
import { type Before, middlewareOf, type Step } from '../stack/index.js';
import { thrownError } from '../thrown.js';
import { type AlwaysPersonalWatch, alwaysPersonalWatch } from './always-personal-warning.js';
import { noteArrival, setCacheStatus } from './cache-status.js';
import { headersAsAsked, type PassedOn, prepareRequest } from './conditional-request.js';
import type { Decision, FilledResponse } from './handler-decision.js';
import { hideHandlerTags, offerCacheTags } from './handler-tags.js';
import { Decider } from './hit-or-handler.js';
import { mountedOnce } from './mounted-once.js';
import { isCacheable, isForOnePerson, requestedEntries } from './name-entry.js';
import { type CacheResponseOptions, checks, defaults, hints } from './options.js';
import { personalBy } from './personal.js';
import { purgeAfterChange } from './purge-after-change.js';
import { type AskedLookup, type AskedQuery, askQuery } from './query-content.js';
import type { BypassReason } from './reasons.js';
import { reportBypass } from './redis-unavailable.js';
import type { RequestedEntry } from './requested-entry.js';
import { type CacheSettings, settingsOf } from './settings.js';
import type { Visit } from './shared-result.js';
import { isSkipped, passSkipped } from './skipped.js';
import { watchHandler } from './watch-handler.js';

const CACHED_METHODS = new Set(['GET', 'HEAD', 'QUERY']);

/**
 * Answers GET, HEAD and QUERY from responses stored in Redis, as a shared HTTP cache does (RFC 9111), with `Age`,
 * conditional requests and `Cache-Status` (RFC 9211). An entry is served only while the version of each of its tags
 * is the one that was current before its handler ran, so nothing older than the last invalidation is ever served. A
 * hit is one round trip, none of its own inside `stack`. While Redis does not answer, the handler does.
 *
 * @example
 * app.get('/users/:id', cacheResponse({ redis, ttlSeconds: 900, tags: (req) => [`user:${req.params.id}`] }), getUser);
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; a handler's own errors pass through
 */
export function cacheResponse(given: CacheResponseOptions): RequestHandler {
  return middlewareOf(
    new CacheStep(settingsOf(readOptions('cacheResponse', given, checks, defaults, ['redis'], hints))),
  );
}

class CacheStep implements Step<AskedLookup | AskedQuery> {
  readonly #settings: CacheSettings;
  readonly #cache: ResponseCache;
  readonly #decider: Decider;
  readonly #requestedEntries;
  readonly #mounted;
  readonly #watchPersonal: AlwaysPersonalWatch;
  readonly #passedOn: PassedOn = new RecentMap<true>(10_000);

  constructor(settings: CacheSettings) {
    const { redis, logger } = settings;
    this.#settings = settings;
    this.#cache = new ResponseCache(redis, settings);
    const flights = new SingleFlight<FilledResponse>(redis, settings);
    this.#decider = new Decider({ cache: this.#cache, flights, settings, passedOn: this.#passedOn });
    this.#requestedEntries = requestedEntries(settings);
    whenReset(redis, () => {
      this.#passedOn.clear();
      settings.sharedQueries.clear();
    });
    this.#mounted = mountedOnce(logger);
    this.#watchPersonal = alwaysPersonalWatch(logger);
  }

  ask(req: Request, _res: Response, before: Before): AskedLookup | Promise<AskedQuery> | undefined {
    if (req.method === 'QUERY') return this.#askQuery(req, before);
    if (!isCacheable(req, this.#settings) || isForOnePerson(req, this.#settings)) return undefined;
    if (this.#mounted.isTaken(req) || isSkipped(req, this.#settings)) return undefined;
    const requested = this.#requestedEntries.of(req);
    return requested && { requested, found: this.#lookUp(requested, req), before };
  }

  act(req: Request, res: Response, next: NextFunction, asked: unknown): unknown {
    offerCacheTags(res);
    if (!CACHED_METHODS.has(req.method)) {
      purgeAfterChange(this.#cache.versions, req, res, next, this.#settings);
      return next();
    }
    // An earlier part may have set since what `skip` reads.
    if ((asked as AskedLookup | undefined)?.before !== 'nobody' && isSkipped(req, this.#settings))
      return passSkipped(res, next, () => this.#mounted.isTaken(req));
    if (req.method === 'QUERY') return this.#actOnQuery(req, res, next, asked as Promise<AskedQuery>);
    this.#settings.emitVariance?.(req, res);
    if (!this.#mounted.take(req)) return next();
    if (asked && !isForOnePerson(req, this.#settings))
      return this.#answer(asked as AskedLookup, req, res, next);
    return this.#bypass(req, res, next);
  }

  // Not early behind others: a parser there would read the content at the same time.
  #askQuery(req: Request, before: Before): Promise<AskedQuery> | undefined {
    if (before === 'others' || this.#settings.maxQueryBytes === 0) return undefined;
    if (isForOnePerson(req, this.#settings) || this.#mounted.isTaken(req) || isSkipped(req, this.#settings))
      return undefined;
    return askQuery(req, this.#settings, (content) => this.#lookUpQuery(req, content, before));
  }

  #lookUpQuery(req: Request, content: string, before: Before): AskedLookup | undefined {
    const requested = this.#requestedEntries.of(req, content);
    return requested && { requested, found: this.#lookUp(requested, req), before };
  }

  async #actOnQuery(
    req: Request,
    res: Response,
    next: NextFunction,
    asked: Promise<AskedQuery> | undefined,
  ): Promise<void> {
    if (!this.#mounted.take(req)) return next();
    const { content, lookup } = (await asked) ?? {};
    const isShared = content !== undefined && !isForOnePerson(req, this.#settings);
    if (!isShared) return this.#bypass(req, res, next, 'content');
    const known = lookup ?? this.#lookUpQuery(req, content, 'nobody');
    return known ? this.#answer(known, req, res, next) : this.#bypass(req, res, next, 'host');
  }

  #bypass(req: Request, res: Response, next: NextFunction, otherwise?: BypassReason): void {
    const detail = isForOnePerson(req, this.#settings)
      ? 'session-before'
      : (otherwise ?? this.#unaskedFor(req));
    this.#watchPersonal(req, detail);
    setCacheStatus(res, { fwd: 'bypass', detail });
    hideHandlerTags(res);
    next();
  }

  #unaskedFor(req: Request): BypassReason {
    return isCacheable(req, this.#settings) ? 'host' : 'content';
  }

  async #answer(asked: AskedLookup, req: Request, res: Response, next: NextFunction): Promise<void> {
    const arrivedAt = monotonicNow();
    try {
      const requested = this.#requestedEntries.renewed(asked.requested, asked.before, req);
      noteArrival(req, requested.id);
      const wanted = this.#settings.wantedBy(req.headers as Fields);
      const visit = { requested, req, res, wanted, arrivedAt, until: arrivedAt + this.#settings.waitMs };
      const found = requested === asked.requested ? asked.found : this.#lookUp(requested, req);
      const decided = await this.#decide(visit, found);
      if (!decided) return;
      // The client has left before anything listened for it: the right would end only with the lease.
      if (res.closed && !decided.inBackground) return decided.right.end('abandoned');
      this.#watchPersonal(req, personalBy(req, this.#settings));
      const headers = headersAsAsked(req);
      if (decided.fwd !== 'bypass') prepareRequest(req, requested.id, decided, this.#passedOn);
      watchHandler(this.#cache, { ...requested, asked: headers, ...decided }, req, res, this.#settings);
    } catch (error) {
      return next(thrownError(error));
    }
    next();
  }

  async #decide(visit: Visit, found: Promise<Lookup>): Promise<Decision> {
    try {
      return await this.#decider.decide(visit, await found);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      reportBypass(error, visit.req, this.#settings);
      const near = this.#cache.lastKnown(visit.requested.id, visit.req.headers as Fields);
      return this.#decider.decideWithoutRedis(visit, near);
    }
  }

  #lookUp(requested: RequestedEntry, req: Request): Promise<Lookup> {
    const found = this.#settings.sharedQueries.lookUp(this.#cache, requested, req.headers as Fields);
    found.catch(dropRejection);
    return found;
  }
}

function dropRejection(): void {}
