import type { Request, RequestHandler, Response } from 'express';
import { LRUCache } from 'lru-cache';
import { type Lookup, responseCache } from '../../src/cache/index.js';
import { isUnavailable } from '../../src/errors.js';
import type { Fields } from '../../src/http/fields.js';
import { shortId } from '../../src/keys.js';
import { readOptions } from '../../src/read-options.js';
import { linkTo } from '../../src/redis/index.js';
import { fillTurns } from '../../src/single-flight/index.js';
import { EVERYTHING, namesGiven, pathTag, urlTag } from '../../src/tags/index.js';
import { handOver, shareShape, takePrefetched, withPrefetch } from '../stack/index.js';
import { bypass } from './bypass.js';
import { headersAsAsked, type PassedOn, prepareRequest } from './conditional-request.js';
import { decisions } from './decision.js';
import { offerCacheTags } from './handler-tags.js';
import { type CacheResponseOptions, checks, defaults, settingsOf } from './options.js';
import { purgeAfterChange } from './purge-after-change.js';
import { distinct, isCacheable, isSame, ownKey, type Question, targetUri } from './question.js';
import { fill } from './watch-handler.js';

interface Asked {
  readonly question: Question;
  readonly answer: Promise<Lookup>;
  /** Nothing can make it another question. */
  readonly isFinal: boolean;
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
  const { queryParams } = settings;
  linkTo(settings.redis, settings.logger);
  const cache = responseCache(settings.redis, settings);
  const turns = fillTurns(settings.redis, cache.versions, settings);
  const passedOn: PassedOn = new LRUCache({ max: 10_000 });

  const tagOf = settings.key || queryParams ? pathTag : urlTag;
  const ownTags = (req: Request) =>
    settings.tags ? namesGiven('cacheResponse: the option "tags" returned', settings.tags(req)) : [];
  const name = (req: Request): Question => ({
    id: shortId(settings.key ? ownKey(settings.key, req) : `GET:${targetUri(req, queryParams)}`),
    tags: distinct([...ownTags(req), tagOf(req.originalUrl), EVERYTHING]),
  });
  const lookUp = ({ id, tags }: Question, req: Request) => cache.lookUp(id, tags, req.headers as Fields);
  const ask = (req: Request, _res: Response, isFinal: boolean): Asked | undefined => {
    if (!isCacheable(req, settings)) return undefined;
    const question = name(req);
    const answer = lookUp(question, req);
    answer.catch(ignore);
    return { question, answer, isFinal };
  };

  const decide = decisions(cache, turns, settings, passedOn);

  const handler: RequestHandler = async function cacheResponseMiddleware(req, res, next) {
    const early = takePrefetched<Asked>(req, handler);
    if (!early) shareShape(req, res);
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      handOver(req);
      purgeAfterChange(cache.versions, req, res, next, settings);
      return next();
    }
    if (!isCacheable(req, settings)) {
      handOver(req);
      bypass(undefined, req, res, settings);
      offerCacheTags(res);
      return next();
    }
    const question = early?.isFinal ? early.question : name(req);
    try {
      // An earlier middleware may have changed what the key and the tags are made of.
      const first = await (early && (early.isFinal || isSame(early.question, question))
        ? early.answer
        : lookUp(question, req));
      const decided = await decide(question, first, req, res);
      if (!decided) return;
      // Its close was before anybody listened: the turn would end with the lease, and the next one's only then begin.
      if (res.closed && !decided.inBackground) return decided.turn.end('failed');
      handOver(req);
      const asked = headersAsAsked(req);
      prepareRequest(req, question.id, decided, passedOn);
      const isPersonal = () => !isCacheable(req, settings);
      fill(cache, { ...question, asked, ...decided }, req, res, settings, isPersonal);
    } catch (error) {
      if (!isUnavailable(error)) return next(error);
      handOver(req);
      bypass(cache.lastKnown(question.id, req.headers as Fields), req, res, settings);
    }
    offerCacheTags(res);
    next();
  };
  return withPrefetch(handler, ask);
}

const ignore = () => undefined;
