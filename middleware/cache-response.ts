import type { Request, RequestHandler, Response } from 'express';
import { LRUCache } from 'lru-cache';
import { isUnavailable } from '../src/errors.js';
import { fillTurns, type Turn } from '../src/fill-turns.js';
import type { Fields } from '../src/http/fields.js';
import { type Reuse, requestDirectives, reuseOf } from '../src/http/reuse.js';
import { readOptions } from '../src/options.js';
import { linkTo } from '../src/redis-link.js';
import { type Lookup, responseCache } from '../src/response-cache.js';
import { EVERYTHING } from '../src/tag-versions.js';
import { urlTag } from '../src/url-tag.js';
import { type Forwarded, fill } from './cache-fill.js';
import {
  type CacheResponseOptions,
  type CacheSettings,
  checks,
  defaults,
  settingsOf,
} from './cache-response-options.js';
import { serveEntry } from './cache-serve.js';
import { setCacheStatus } from './cache-status.js';
import { detachResponse } from './detach-response.js';
import {
  askForWhole,
  askToValidate,
  hasForeignCondition,
  headersAsAsked,
  isConditional,
} from './forwarded-request.js';
import { offerCacheTags } from './handler-tags.js';
import { takePrefetched, withPrefetch } from './prefetch.js';
import { purgeAfterChange } from './purge-after-change.js';
import { targetUri } from './request-url.js';
import { sessionWasRead } from './session-on-request.js';

/** What a request asks of the cache. */
interface Question {
  readonly id: string;
  readonly tags: readonly string[];
}

interface Asked {
  readonly question: Question;
  readonly answer: Promise<Lookup>;
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
  const onceConditional = new LRUCache<string, true>({ max: 10_000 });

  const name = (req: Request): Question => ({
    id: settings.key?.(req) ?? `GET:${targetUri(req, queryParams)}`,
    tags: [...new Set([...(settings.tags?.(req) ?? []), urlTag(req.originalUrl, queryParams), EVERYTHING])],
  });
  const lookUp = ({ id, tags }: Question, req: Request) => cache.lookUp(id, tags, req.headers as Fields);
  const ask = (req: Request): Asked | undefined => {
    if (!isCacheable(req, settings)) return undefined;
    const question = name(req);
    const answer = lookUp(question, req);
    answer.catch(() => undefined);
    return { question, answer };
  };

  const forward = (
    question: Question,
    rest: Omit<Forwarded, 'id' | 'tags' | 'asked'>,
    req: Request,
    res: Response,
  ) => {
    const asked = headersAsAsked(req);
    const { stale } = rest;
    if (stale) askToValidate(req, stale);
    // What the client has may save the handler the body, once; then there should be something to store.
    else if (isConditional(req) && !hasForeignCondition(req)) {
      if (onceConditional.has(question.id)) askForWhole(req);
      else onceConditional.set(question.id, true);
    }
    fill(cache, { ...question, asked, ...rest }, req, res, settings, () => !isCacheable(req, settings));
  };

  /** Answers from the cache, or says what the handler has to be asked for, or nothing when somebody else asks it. */
  const decide = async (question: Question, first: Promise<Lookup>, req: Request, res: Response) => {
    const wanted = requestDirectives(req.headers as Fields);
    let lookup = await first;
    for (let waited = false; ; waited = true) {
      const { entry, miss } = usable(lookup, req, settings);
      const reuse =
        entry && !hasForeignCondition(req) ? reuseOf(entry.head.terms, wanted, Date.now()) : undefined;
      const stale = reuse && entry ? { stale: entry } : {};
      const fwd: Forwarded['fwd'] = reuse === undefined ? miss : reuse === 'request' ? reuse : 'stale';
      if (reuse === 'serve') {
        const status = waited ? ({ fwd: miss, collapsed: true } as const) : ({ hit: true } as const);
        return void serveEntry(entry!, req, res, status);
      }
      if (reuse === 'serve-and-refresh') {
        detachResponse(req, res, () => serveEntry(entry!, req, res, { hit: true }));
        if (req.method === 'HEAD') return undefined;
        const { id, tags } = question;
        const turn = await turns.take(id, tags, { patiently: false }).catch(() => undefined);
        return turn && { fwd, turn, ...stale, inBackground: true as const };
      }
      if (wanted.has('only-if-cached')) {
        setCacheStatus(res, { detail: 'only-if-cached' });
        return void res.status(504).end();
      }
      const turn = await takeTurn(question, reuse, req);
      if (turn) return { fwd, turn, ...stale };
      lookup = await lookUp(question, req);
    }
  };

  // Others wait only for a handler call whose answer they can use.
  const takeTurn = (
    { id, tags }: Question,
    reuse: Reuse | undefined,
    req: Request,
  ): Promise<Turn | undefined> => {
    const { method, headers } = req;
    const passing = isConditional(req) && reuse === undefined && !onceConditional.has(id);
    const isPersonal = headers.authorization !== undefined && !settings.ignoresCredentials;
    const alone = isPersonal || method === 'HEAD' || headers.range !== undefined;
    if (alone || passing || reuse === 'request' || hasForeignCondition(req)) return turns.free(tags);
    return turns.take(id, tags, { patiently: true });
  };

  const handler: RequestHandler = async function cacheResponseMiddleware(req, res, next) {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      purgeAfterChange(cache.versions, req, res, next, settings);
      return next();
    }
    offerCacheTags(res);
    const early = takePrefetched<Asked>(req, handler);
    if (!isCacheable(req, settings)) {
      setCacheStatus(res, { fwd: 'bypass' });
      return next();
    }
    const question = name(req);
    try {
      // An earlier middleware may have changed what the key and the tags are made of.
      const first = early && isSame(early.question, question) ? early.answer : lookUp(question, req);
      const forwarded = await decide(question, first, req, res);
      if (!forwarded) return;
      forward(question, forwarded, req, res);
    } catch (error) {
      if (!isUnavailable(error)) return next(error);
      setCacheStatus(res, { fwd: 'bypass' });
    }
    next();
  };
  return withPrefetch(handler, ask);
}

// A response that a session, which somebody has looked at, went into may be meant for one person.
function isCacheable(req: Request, { ignoresCredentials }: CacheSettings): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  return ignoresCredentials || !sessionWasRead(req);
}

// The handler may answer differently to credentials, unless the response said that it does not (RFC 9111 §3.5).
function usable(lookup: Lookup, req: Request, { ignoresCredentials }: CacheSettings): Lookup {
  const forEverybody = ignoresCredentials || req.headers.authorization === undefined;
  return forEverybody || lookup.entry?.head.terms.forAuthorized ? lookup : { miss: lookup.miss };
}

function isSame(a: Question, b: Question): boolean {
  return a.id === b.id && a.tags.length === b.tags.length && a.tags.every((tag, i) => tag === b.tags[i]);
}
