import type { Request } from 'express';
import { codecFor, type NearCacheOptions } from '../../src/cache/index.js';
import type { Logger } from '../../src/logger.js';
import {
  aBoolean,
  aFieldName,
  aFunction,
  aListOf,
  aNumber,
  anything,
  aPositiveInteger,
  aWholeNumber,
  connectionChecks,
  oneOf,
} from '../../src/read-options.js';
import type { RedisClient } from '../../src/redis/index.js';
import type { QueryParams } from '../../src/tags/index.js';
import { aListOfHosts } from './target.js';

// Here, because who imports the package sees this file.
declare global {
  namespace Express {
    interface Response {
      /**
       * Names tags that only the handler knows. Behind `cacheResponse` a cached response gets them; when the request
       * changes something, behind `invalidateOn` too, they are purged before the response leaves.
       */
      cacheTags(...tags: readonly string[]): void;
    }
  }
}

/** Options of `cacheResponse`. */
export interface CacheResponseOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Freshness in seconds of responses that carry none of their own (`Cache-Control`, `Expires`).
   * @default the response's own headers decide
   */
  readonly ttlSeconds?: number;
  /**
   * Seconds after `ttlSeconds` during which clients get the old response at once while one handler call refreshes it.
   * Never after an invalidation. Responses say it themselves with `stale-while-revalidate`.
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * Names under which `invalidateOn` purges the response.
   * @default none but its URL
   */
  readonly tags?: (req: Request) => readonly string[];
  /**
   * Requests that pass the cache: their handler answers, and its response is not stored. Changes purge all the same. It
   * returns true or false, not a promise.
   * @default no request is skipped
   */
  readonly skip?: (req: Request) => boolean;
  /**
   * The cache key. It has to tell apart whatever the handler tells apart: a key with the user's id in it makes
   * personal responses cacheable.
   * @default method, scheme, host and URL, and the content of a QUERY
   */
  readonly key?: (req: Request) => string;
  /**
   * Query parameters that make a response another one: only those of `allow`, or all but those of `ignore`. With
   * `emit: true` the caches further down, browsers too, hear of it by `No-Vary-Search`.
   * @default all of them, in any order
   */
  readonly queryParams?: QueryParams;
  /**
   * Obey the field `No-Vary-Search` of a response: URLs that it calls equivalent share the response. `key` outranks it.
   * @default true
   */
  readonly noVarySearch?: boolean;
  /**
   * When a change ends the responses of a URL, end those in the same cache groups too (`Cache-Groups`, RFC 9875). Set it in
   * `invalidateOn` as well. It costs a change one more round trip.
   * @default false
   */
  readonly purgeSharedGroups?: boolean;
  /**
   * A response header by which handlers tell this cache alone what to do, in the words of `Cache-Control`
   * (RFC 9213). It outranks `CDN-Cache-Control`, which outranks `Cache-Control`.
   * @default only CDN-Cache-Control
   */
  readonly targetedHeader?: string;
  /**
   * Hosts whose responses are cached: `example.com` (any port), `example.com:3000` or `*.example.com`. Requests to other hosts
   * reach the handler. Without it a client that invents hosts makes an entry for each.
   * @default all hosts
   */
  readonly hosts?: readonly string[];
  /**
   * Cookies that make no difference to the response, e.g. `_ga*` (`*` stands for any characters). A request with any
   * other cookie than these and those of `session` is personal where freshness comes from `ttlSeconds`.
   * @default []
   */
  readonly ignoreCookies?: readonly string[];
  /**
   * Request fields that carry credentials, or in which a proxy names who logged in. A request with one of them is
   * personal where freshness comes from `ttlSeconds`.
   * @default ['X-API-Key', 'Api-Key', 'X-Auth-Token', 'X-Access-Token', 'X-Authorization', 'Ocp-Apim-Subscription-Key', 'X-Forwarded-User', 'X-Auth-Request-User', 'X-Remote-User', 'Remote-User', 'X-Authenticated-User', 'X-WebAuth-User', 'X-Vouch-User', 'X-User-Id', 'X-Consumer-ID', 'X-Amzn-Oidc-Identity', 'X-Goog-Authenticated-User-Email', 'X-MS-Client-Principal', 'Cf-Access-Jwt-Assertion', 'Tailscale-User-Login', 'Client-Cert', 'X-Forwarded-Client-Cert']
   */
  readonly credentialFields?: readonly string[];
  /**
   * Store and serve although the request has `Authorization`, or somebody read `req.session`: everybody gets the
   * same response.
   * @default false
   */
  readonly shared?: boolean;
  /**
   * Serve and store whatever `Cache-Control` or `Pragma` of the request says: a client cannot get past the cache.
   * @default false
   */
  readonly ignoreRequestCacheControl?: boolean;
  /**
   * Bytes of the largest body that is stored; a larger one is passed through.
   * @default 1048576
   */
  readonly maxBodyBytes?: number;
  /**
   * Bytes of the largest content of a QUERY whose response is stored; 0: QUERY passes through. It is read before a parser
   * does, and put back.
   * @default 65536
   */
  readonly maxQueryBytes?: number;
  /**
   * Let QUERY contents in JSON share a response when only white space, the order of members and escapes in strings tell
   * them apart. For handlers that parse the content and do not read that order. A content that names a member twice is
   * compared byte by byte, as is any with `Cache-Control: no-transform`; numbers count as they are written.
   * @default false
   */
  readonly normaliseQuery?: boolean;
  /**
   * A body of more bytes than this is stored compressed if its type compresses well (text, JSON), and is sent compressed to
   * clients that accept it. Such responses have `Vary: Accept-Encoding`, and a weak ETag when compressed.
   * @default none
   */
  readonly compressAboveBytes?: number;
  /**
   * The coding of compressed responses. `br` is smaller for text, `zstd` faster (Node 22.15); clients that do not take it
   * get the plain bytes.
   * @default 'gzip'
   */
  readonly compressWith?: 'gzip' | 'br' | 'zstd';
  /**
   * Refresh popular entries in the background before they expire. 0 = off, 1 = recommended, more = earlier (β of
   * XFetch).
   * @default 0
   */
  readonly earlyRefresh?: number;
  /**
   * Keep responses in the memory of this process too; each `cacheResponse` has its own.
   * @default none
   */
  readonly nearCache?: NearCacheOptions;
  /**
   * After a restart Redis may hold old data. `forget`: ignore everything cached before. `keep`: use it, and perhaps
   * serve stale answers until they expire.
   * @default 'forget'
   */
  readonly onRestart?: 'forget' | 'keep';
  /**
   * Milliseconds to wait for an answer of Redis. After that the handler answers as if there were no cache.
   * @default 100
   */
  readonly timeoutMs?: number;
  /**
   * Milliseconds for which a request waits at most for the response to another one. After that its own handler runs.
   * @default 10000
   */
  readonly waitMs?: number;
  /**
   * Prefix of every key in Redis.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Receives one message per outage and one per kind of misuse.
   * @default console
   */
  readonly logger?: Logger;
}

export const defaults = {
  staleSeconds: 0,
  shared: false,
  noVarySearch: true,
  purgeSharedGroups: false,
  ignoreCookies: [],
  credentialFields: [
    'X-API-Key',
    'Api-Key',
    'X-Auth-Token',
    'X-Access-Token',
    'X-Authorization',
    'Ocp-Apim-Subscription-Key',
    'X-Forwarded-User',
    'X-Auth-Request-User',
    'X-Remote-User',
    'Remote-User',
    'X-Authenticated-User',
    'X-WebAuth-User',
    'X-Vouch-User',
    'X-User-Id',
    'X-Consumer-ID',
    'X-Amzn-Oidc-Identity',
    'X-Goog-Authenticated-User-Email',
    'X-MS-Client-Principal',
    'Cf-Access-Jwt-Assertion',
    'Tailscale-User-Login',
    'Client-Cert',
    'X-Forwarded-Client-Cert',
  ],
  ignoreRequestCacheControl: false,
  maxBodyBytes: 1_048_576,
  maxQueryBytes: 65_536,
  normaliseQuery: false,
  compressWith: 'gzip',
  earlyRefresh: 0,
  onRestart: 'forget',
  timeoutMs: 100,
  waitMs: 10_000,
  prefix: '',
} satisfies Partial<CacheResponseOptions>;

const UNCACHED = 'let the handler send "Cache-Control": "no-store" forbids to store a response';
const ONE_CALL = 'leave it out: one request runs the handler, and the others wait for its response';

/** What to do with names that people bring along from other caches. */
export const hints = {
  ttl: 'use "ttlSeconds"',
  maxAge: 'use "ttlSeconds"',
  duration: 'use "ttlSeconds"',
  expire: 'use "ttlSeconds"',
  expiration: 'use "ttlSeconds"',
  store: 'leave it out: responses are kept in Redis; see "redis" and "nearCache"',
  keyGenerator: 'use "key"',
  group: 'use "tags"',
  bypass: 'use "skip"',
  unless: 'use "skip"',
  grace: 'use "staleSeconds"',
  staleWhileRevalidate: 'use "staleSeconds"',
  swr: 'use "staleSeconds"',
  staleTtl: 'use "staleSeconds"',
  defaultDuration: 'use "ttlSeconds"',
  defaultTtl: 'use "ttlSeconds"',
  stdTTL: 'use "ttlSeconds"',
  expires: 'use "ttlSeconds"',
  refreshThreshold: 'use "earlyRefresh"',
  appendKey: 'use "key"',
  cacheKey: 'use "key"',
  getCacheKey: 'use "key"',
  genCacheKey: 'use "key"',
  enabled: 'use "skip"',
  condition: 'use "skip"',
  shouldSkip: 'use "skip"',
  shouldCache: UNCACHED,
  isCacheable: UNCACHED,
  statusCodes: UNCACHED,
  statusCode: UNCACHED,
  status: UNCACHED,
  statusCodeExpires: UNCACHED,
  methods: 'leave it out: GET, HEAD and QUERY are cached',
  headers: 'let the handler set them: "Cache-Control" counts',
  cacheControl: 'let the handler set "Cache-Control"',
  headerBlacklist: 'leave it out: fields that an earlier middleware set are not stored',
  respectCacheControl: 'use "ignoreRequestCacheControl", which is its opposite',
  compress: 'use "compressAboveBytes"',
  vary: 'let the handler set "Vary"',
  varyBy: 'let the handler set "Vary"',
  ignoreQuery: 'use "queryParams"',
  query: 'use "queryParams"',
  lock: ONE_CALL,
  lockTimeout: 'use "waitMs"',
  sessionAware: 'leave it out: a response whose handler read the session is not shared; see "key"',
  private: 'leave it out: personal responses are not shared; see "key"',
  lru: 'use "nearCache"',
  max: 'use "nearCache": { maxBytes }',
  timeout: 'use "timeoutMs" for Redis, and "waitMs" for others',
  onUnavailable: 'leave it out: while Redis is away the handler answers',
};

const aListOfFieldNames = aListOf(aFieldName);
// Cookie names have no white space; a pattern that does would never match.
const aListOfCookieNames = aListOf((value) =>
  typeof value === 'string' && /^[^\s;=]+$/.test(value)
    ? undefined
    : 'must be a cookie name, without white space, ";" and "="',
);

export const checks = {
  ...connectionChecks,
  ttlSeconds: aPositiveInteger('seconds', 10 * 365 * 86_400),
  staleSeconds: aWholeNumber('seconds', 10 * 365 * 86_400),
  tags: aFunction,
  skip: aFunction,
  key: aFunction,
  queryParams: queryParamLists,
  targetedHeader: aFieldName,
  shared: aBoolean,
  noVarySearch: aBoolean,
  normaliseQuery: aBoolean,
  purgeSharedGroups: aBoolean,
  hosts: aListOfHosts,
  ignoreCookies: aListOfCookieNames,
  credentialFields: aListOfFieldNames,
  ignoreRequestCacheControl: aBoolean,
  compressAboveBytes: aNumber('bytes', 512 * 1_048_576),
  compressWith: aKnownCoding,
  earlyRefresh: aNumber('a number', 1_000),
  onRestart: oneOf('forget', 'keep'),
  maxBodyBytes: aPositiveInteger('bytes', 512 * 1_048_576),
  maxQueryBytes: aWholeNumber('bytes', 16 * 1_048_576),
  waitMs: aPositiveInteger('milliseconds', 3_600_000),
  nearCache: anything,
};

function aKnownCoding(value: unknown): string | undefined {
  const codings = (['gzip', 'br', 'zstd'] as const).filter((coding) => codecFor(coding));
  return codings.some((coding) => coding === value)
    ? undefined
    : `must be one of ${codings.map((coding) => `'${coding}'`).join(', ')}, which this version of Node has`;
}

function queryParamLists(value: unknown): string | undefined {
  const { emit = false, ...lists } = Object(value) as Record<string, unknown>;
  const entries = Object.entries(lists);
  const [name, list] = entries[0] ?? [];
  const isList = Array.isArray(list) && list.every((item) => typeof item === 'string');
  return entries.length === 1 &&
    (name === 'allow' || name === 'ignore') &&
    isList &&
    typeof emit === 'boolean'
    ? undefined
    : 'must be { allow: [...] } or { ignore: [...] } with names of query parameters, and perhaps emit: true';
}
