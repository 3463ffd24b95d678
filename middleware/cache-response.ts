import type { Request, RequestHandler, Response } from 'express';
import { isUnavailable } from '../src/errors.js';
import { readOptions } from '../src/options.js';
import { linkTo } from '../src/redis-link.js';
import {
  type Entry,
  type EntryHead,
  pinVersions,
  type ResponseCache,
  responseCache,
} from '../src/response-cache.js';
import { mayServe, mayStore, policyFor, policyFrom } from './cache-policy.js';
import { type CacheResponseOptions, type CacheSettings, checks, defaults } from './cache-response-options.js';
import { setCacheStatus } from './cache-status.js';
import { captureResponse } from './capture-response.js';
import { ownHeaders } from './own-headers.js';
import { takePrefetched, withPrefetch } from './prefetch.js';
import { sessionWasRead } from './session-on-request.js';
import { targetUri, urlTag } from './url-tag.js';

/** What a request asks of the cache. */
interface Question {
  readonly id: string;
  readonly tags: readonly string[];
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
  const options = readOptions('cacheResponse', given, checks, defaults, ['redis']);
  linkTo(options.redis, options.logger);
  const cache = responseCache(options.redis, options);

  const name = (req: Request): Question => ({
    id: options.key?.(req) ?? `GET:${targetUri(req)}`,
    tags: [...new Set([...(options.tags?.(req) ?? []), urlTag(req.originalUrl)])],
  });
  const ask = (req: Request): Asked | undefined => {
    if (!isCacheable(req, options)) return undefined;
    const question = name(req);
    const answer = cache.lookUp(question.id, question.tags);
    answer.catch(() => undefined);
    return { question, answer };
  };

  const handler: RequestHandler = async function cacheResponseMiddleware(req, res, next) {
    if (req.method !== 'GET' && req.method !== 'HEAD') return next();
    const early = takePrefetched<Asked>(req, handler);
    if (!isCacheable(req, options)) {
      setCacheStatus(res, { fwd: 'bypass' });
      return next();
    }
    const question = name(req);
    try {
      // An earlier middleware may have changed what the key and the tags are made of.
      const entry = await (early && isSame(early.question, question) ? early : ask(req)!).answer;
      if (entry && serve(entry, question, req, res)) return;
      await fill(cache, question, entry !== undefined, req, res, options);
    } catch (error) {
      if (!isUnavailable(error)) return next(error);
      setCacheStatus(res, { fwd: 'bypass' });
    }
    next();
  };
  return withPrefetch(handler, ask);
}

interface Asked {
  readonly question: Question;
  readonly answer: Promise<Entry | undefined>;
}

// A response to credentials, or to a session that somebody has looked at, may be meant for one person.
function isCacheable(req: Request, { shared, key }: CacheSettings): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  return shared || key !== undefined || (req.headers.authorization === undefined && !sessionWasRead(req));
}

function isSame(a: Question, b: Question): boolean {
  return a.id === b.id && a.tags.length === b.tags.length && a.tags.every((tag, i) => tag === b.tags[i]);
}

function serve({ head, body }: Entry, { id }: Question, req: Request, res: Response): boolean {
  const policy = policyFrom(head.policy);
  if (!mayServe(policy, id, req)) return false;
  res.status(head.status);
  for (const [name, value] of Object.entries(head.headers)) res.setHeader(name, value);
  res.setHeader('Date', new Date(policy.date()).toUTCString());
  res.setHeader('Age', Math.round(policy.age()));
  setCacheStatus(res, { hit: true, ttl: Math.max(0, Math.round(policy.timeToLive() / 1000)) });
  if (req.fresh) {
    for (const name of ['Content-Type', 'Content-Length', 'Content-Encoding']) res.removeHeader(name);
    res.status(304).end();
    return true;
  }
  if (head.status !== 204) res.setHeader('Content-Length', body.length);
  if (req.method === 'HEAD') res.end();
  else res.end(body);
  return true;
}

/** Lets the handler answer, and stores a copy under the versions that were current before it ran. */
async function fill(
  cache: ResponseCache,
  { id, tags }: Question,
  foundUnusable: boolean,
  req: Request,
  res: Response,
  options: CacheSettings,
): Promise<void> {
  const versions = pinVersions(tags, await cache.versions.readOrCreate(tags));
  const fwd = foundUnusable ? 'stale' : 'uri-miss';
  const headersBefore = res.getHeaders();
  let policy: ReturnType<typeof policyFor>;
  let headers: EntryHead['headers'];
  const wanted = () => {
    policy = policyFor(id, req, res, options.ttlSeconds);
    headers = ownHeaders(res, headersBefore);
    return (
      req.method === 'GET' && versions !== undefined && isCacheable(req, options) && mayStore(policy, res)
    );
  };
  captureResponse(res, {
    maxBodyBytes: options.maxBodyBytes,
    onHead() {
      const stored = wanted();
      setCacheStatus(res, stored ? { fwd, stored } : { fwd });
      return stored;
    },
    onBody(body) {
      // The session may have been read after the response began.
      if (!isCacheable(req, options)) return;
      const entry = {
        head: { status: res.statusCode, headers, policy: policy.toObject(), versions: versions! },
        body,
      };
      // The outage itself is reported by the link; the next request fills again.
      cache.store(id, entry, policy.timeToLive()).catch(() => undefined);
    },
  });
}
