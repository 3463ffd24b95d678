import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { shortId } from '../../src/keys.js';
import { kindOf } from '../../src/kind-of.js';
import { ignoreRejection } from '../../src/settle.js';
import { checkTags, EVERYTHING, normalisedUrl, pathTag, urlTag } from '../../src/tags/index.js';
import { sessionWasRead } from '../session/index.js';
import type { Before } from '../stack/index.js';
import type { RequestedEntry } from './requested-entry.js';
import type { CacheSettings } from './settings.js';
import { originOf } from './target.js';

/** Names the entry that a request asks for, as the options say. */
export function requestedEntries(settings: CacheSettings) {
  const { queryParams } = settings;
  const tagOf = settings.key || queryParams ? pathTag : urlTag;
  const keyOf = (req: Request) => settings.key && ownKey(settings.key, req);
  const tagsOf = (req: Request): readonly string[] =>
    settings.tags ? checkTags('cacheResponse: the option "tags" returned', settings.tags(req)) : [];

  const of = (req: Request, content?: string): RequestedEntry | undefined => {
    const origin = originOf(req);
    if (origin === undefined || !settings.isKnownHost(origin)) return undefined;
    const [ownKey, ownTags] = [keyOf(req), tagsOf(req)];
    const name = ownKey ?? `GET:${origin}${normalisedUrl(req.originalUrl, queryParams)}`;
    const exact = {
      id: shortId(content === undefined ? name : `QUERY:${content}:${name}`),
      tags: distinct([...ownTags, tagOf(req.originalUrl), EVERYTHING]),
      ownKey,
      ownTags,
      origin: ownKey === undefined && content === undefined ? origin : undefined,
      url: req.originalUrl,
      content,
    };
    return settings.sharedQueries.of(exact);
  };

  return {
    /**
     * Undefined for a request whose origin is not one of `hosts`, or contradicts itself.
     *
     * @param content the digest of the content of a QUERY
     */
    of,
    /**
     * The same entry, or another one when somebody changed its ingredients. Steps of the toolkit change only
     * what `key` and `tags` may read (`req.session`); middlewares of others may change the URL as well.
     */
    renewed(requested: RequestedEntry, before: Before, req: Request): RequestedEntry {
      if (before === 'nobody' || (before === 'steps' && !settings.key && !settings.tags)) return requested;
      if (before === 'others') {
        const now = of(req, requested.content) ?? requested;
        return now.id === requested.id && isSameList(now.tags, requested.tags) ? requested : now;
      }
      const isSame = keyOf(req) === requested.ownKey && isSameList(tagsOf(req), requested.ownTags);
      return isSame ? requested : (of(req, requested.content) ?? requested);
    },
  };
}

// There are two or three; a Set of them would cost more than all the rest of a look-up.
const distinct = (names: readonly string[]) =>
  names.filter((name, position) => names.indexOf(name) === position);

// In place of nothing the URL would do, under which credentials still make a difference.
function ownKey(key: (req: Request) => string, req: Request): string {
  const given: unknown = key(req);
  if (typeof given === 'string' && given !== '') return given;
  ignoreRejection(given);
  throw new ToolkitError(
    'CACHE_KEY_INVALID',
    `cacheResponse: the option "key" returned ${kindOf(given)}: return a non-empty string`,
  );
}

// The body of a GET is no part of its URL, and some handlers read it.
const hasContent = ({ headers }: Request) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;

/** Whether the cache may have an answer to a request of this kind. */
export function isCacheable(req: Request, { key }: CacheSettings): boolean {
  return (req.method === 'GET' || req.method === 'HEAD') && (key !== undefined || !hasContent(req));
}

/** Whether somebody has looked at the session of a request: its response may be meant for one person. */
export function isForOnePerson(req: Request, { ignoresCredentials }: CacheSettings): boolean {
  return !ignoresCredentials && sessionWasRead(req);
}

const isSameList = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((item, position) => item === other[position]);
