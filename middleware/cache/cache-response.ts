import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { LRUCache } from 'lru-cache';
import { type Lookup, ResponseCache } from '../../src/cache/index.js';
import { isUnavailable } from '../../src/errors.js';
import type { Fields } from '../../src/http/fields.js';
import { readOptions } from '../../src/read-options.js';
import { linkTo } from '../../src/redis/index.js';
import { SingleFlight } from '../../src/single-flight/index.js';
import { type Before, middlewareOf } from '../stack/index.js';
import { bypass } from './bypass.js';
import { headersAsAsked, type PassedOn, prepareRequest } from './conditional-request.js';
import { decisions } from './decision.js';
import { offerCacheTags } from './handler-tags.js';
import { type CacheResponseOptions, checks, defaults } from './options.js';
import { purgeAfterChange } from './purge-after-change.js';
import { isCacheable, isForOnePerson, type Question, questions } from './question.js';
import { settingsOf } from './settings.js';
import { fill } from './watch-handler.js';

const WAIT_MS = 10_000;

/** What was asked of Redis for a request, and who could change the request since. */
interface AskedEntry {
  readonly question: Question;
  readonly found: Promise<Lookup>;
  readonly before: Before;
}

/**
 * Answers GET and HEAD from responses stored in Redis, as a shared HTTP cache does (RFC 9111), with `Age`,
 * conditional requests and `Cache-Status` (RFC 9211). An entry is served only while the version of each of its tags
 * is the one that was current before its handler ran, so nothing older than the last invalidation is ever served. A
 * hit is one round trip, none of its own inside `stack`. While Redis does not answer, the handler does.
 *
 * @example
 * app.get('/users/:id', cacheResponse({ redis, ttlSeconds: 900, tags: (req) => [`user:${req.params.id}`] }), getUser);
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; a handler's own errors pass through
 */
export function cacheResponse(given: CacheResponseOptions): RequestHandler {
  const settings = settingsOf(readOptions('cacheResponse', given, checks, defaults, ['redis']));
  linkTo(settings.redis, settings.logger);
  const cache = new ResponseCache(settings.redis, settings);
  const flights = new SingleFlight<never>(settings.redis, cache.versions, { ...settings, waitMs: WAIT_MS });
  const passedOn: PassedOn = new LRUCache({ max: 10_000 });
  const { of: questionOf, renewed } = questions(settings);
  const decide = decisions(cache, flights, settings, passedOn);

  const lookUp = (question: Question, req: Request): Promise<Lookup> => {
    const found = cache.lookUp(question.id, question.tags, req.headers as Fields);
    found.catch(() => undefined);
    return found;
  };

  const answer = async (asked: AskedEntry, req: Request, res: Response, next: NextFunction) => {
    const question = renewed(asked.question, asked.before, req);
    try {
      const first = await (question === asked.question ? asked.found : lookUp(question, req));
      const decided = await decide(question, first, req, res);
      if (!decided) return;
      // The client has gone before anybody listened for it: the turn would end only with the lease.
      if (res.closed && !decided.inBackground) return decided.turn.end('failed');
      const headers = headersAsAsked(req);
      prepareRequest(req, question.id, decided, passedOn);
      fill(cache, { ...question, asked: headers, ...decided }, req, res, settings);
    } catch (error) {
      if (!isUnavailable(error)) return next(error);
      bypass(cache.lastKnown(question.id, req.headers as Fields), req, res, settings);
    }
    offerCacheTags(res);
    next();
  };

  return middlewareOf<AskedEntry>({
    ask(req, _res, before) {
      if (!isCacheable(req, settings) || isForOnePerson(req, settings)) return undefined;
      const question = questionOf(req);
      return { question, found: lookUp(question, req), before };
    },
    act(req, res, next, asked) {
      offerCacheTags(res);
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        purgeAfterChange(cache.versions, req, res, next, settings);
        return next();
      }
      if (asked && !isForOnePerson(req, settings)) return answer(asked as AskedEntry, req, res, next);
      bypass(undefined, req, res, settings);
      next();
    },
  });
}
