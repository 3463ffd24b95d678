import type { CacheReason } from '../middleware/cache/index.js';

interface Explanation {
  readonly meaning: string;
  readonly advice: string;
}

/** The rows of docs/guides/why-not-cached.md. The compiler demands one for each word that the source can send. */
export const cacheReasons: Readonly<Record<CacheReason, Explanation>> = {
  authorization: {
    meaning: 'The request has `Authorization`, and the response does not say that it is for everybody.',
    advice:
      'Give a `key` with the user in it, or `shared: true` if all users get the same response. The handler may also send `Cache-Control: public`.',
  },
  'cache-groups': {
    meaning: 'The response has `Cache-Groups` that cannot be read, or more than 128 of them.',
    advice: 'Send quoted names: `Cache-Groups: "scripts"`.',
  },
  'client-certificate': {
    meaning: 'The freshness comes from `ttlSeconds`, and the client has shown a TLS certificate.',
    advice: 'Give a `key` with the client in it, or `shared: true` if all clients get the same response.',
  },
  content: {
    meaning:
      'The GET or HEAD request has a body, which is no part of its URL; or the body of a QUERY could not be read: see [QUERY](../http-cache.md#query).',
    advice: 'Send none, or give a `key` that covers the body.',
  },
  'credential-field': {
    meaning:
      'The freshness comes from `ttlSeconds`, and the request has a field of `credentialFields`, such as `X-API-Key`.',
    advice:
      'Give a `key` with the client in it, or `shared: true`, or let the handler send `Cache-Control: public, max-age=60`.',
  },
  'foreign-cookie': {
    meaning:
      'The freshness comes from `ttlSeconds`, and the request has a cookie that is neither a cookie of `session` nor in `ignoreCookies`.',
    advice:
      "Name cookies that make no difference: `ignoreCookies: ['_ga*']`. Otherwise give a `key`, or let the handler send `Cache-Control: public, max-age=60`.",
  },
  'foreign-session': {
    meaning: 'The freshness comes from `ttlSeconds`, and another package has set `req.session`.',
    advice: 'Mount the cache before that package, or give `key` or `shared`.',
  },
  head: {
    meaning: 'A HEAD request has no body that could be stored.',
    advice: 'Nothing: the first GET is stored, and answers HEAD requests too.',
  },
  host: {
    meaning:
      'The host is not in `hosts`, or the target of the request names another host than its `Host` field, or `X-Forwarded-Proto` names neither http nor https.',
    advice: 'Add the host to `hosts`.',
  },
  'late-tags': {
    meaning:
      'The handler named tags that were not known before it ran. The response is stored after their versions are read, unless anything was invalidated meanwhile.',
    advice:
      'Ask again. If it stays like this, the handler names other tags each time: give them with `tags`.',
  },
  'must-understand': {
    meaning:
      'The response has `must-understand` and a status that the cache does not know (RFC 9111 §5.2.2.3).',
    advice: 'Send `must-understand` only with a status of RFC 9110.',
  },
  near: {
    meaning: 'A hit: the near cache of this process had the bytes.',
    advice: '–',
  },
  'no-store': {
    meaning: 'The response has `Cache-Control: no-store`.',
    advice: 'Leave it out if the response may be stored.',
  },
  'not-fresh': {
    meaning:
      'The response has no freshness: neither `ttlSeconds` (for status 200, 203, 204, 301 and 308) nor `max-age`, `s-maxage` or `Expires`; or it is too old already, or has `no-cache` and nothing to validate it by.',
    advice: 'Give `ttlSeconds`, or let the handler send `Cache-Control: max-age=60`.',
  },
  'only-if-cached': {
    meaning: 'The request asked for a stored response alone, and there is none: it gets a 504.',
    advice: 'Set `ignoreRequestCacheControl: true` if clients must not ask for that.',
  },
  'other-validator': {
    meaning:
      'The handler sent a 304 for another `ETag` or `Last-Modified` than the stored response has. That one is removed.',
    advice: 'Let the handler compare `If-None-Match` with the `ETag` that it would send.',
  },
  private: {
    meaning: 'The response has `Cache-Control: private`.',
    advice:
      'Leave it out if the response is for everybody. Otherwise give a `key` with the user in it, and leave it out.',
  },
  'redis-unavailable': {
    meaning: 'Redis did not answer in time, or refused. The handler answers, and nothing is stored.',
    advice: 'Look for the outage in the log; see [operations](operations.md).',
  },
  'request-no-store': {
    meaning: 'The request has `Cache-Control: no-store`.',
    advice: 'Set `ignoreRequestCacheControl: true` if clients must not decide that.',
  },
  'session-before': {
    meaning:
      'A middleware before the cache read the session: `passport.session()`, a `keyGenerator` that reads `req.session`, or code of yours.',
    advice: 'Mount the cache before that middleware, or give a `key` with the user in it, or `shared: true`.',
  },
  'session-read': {
    meaning: 'The handler read `req.session`, so its response may be for one person.',
    advice: 'Give a `key` with the user in it, or `shared: true` if all users get the same response.',
  },
  'set-cookie': {
    meaning: 'The response sets a cookie. A `session` with `rolling: true` does so with every response.',
    advice: 'Set cookies on other routes, or leave `rolling` out.',
  },
  skip: {
    meaning: 'The option `skip` let the request pass.',
    advice: 'Change `skip`.',
  },
  'stale-if-error': {
    meaning: 'The handler failed, and the stored response was sent in place of its error.',
    advice: 'Look for the error: `fwd-status` has its status.',
  },
  status: {
    meaning:
      'The status is 206 or 304, which are not complete responses, or 428, 429, 431 or 511, which no cache may store (RFC 6585).',
    advice: 'Let the handler answer in full: the cache answers ranges and conditions itself.',
  },
  stream: {
    meaning: 'The body ends only with the connection (`text/event-stream`, `multipart/x-mixed-replace`).',
    advice: 'Nothing: such a response cannot be stored.',
  },
  'tag-marked': {
    meaning:
      'A change to one of its tags is running, or Redis [lost its data](caching.md#when-redis-loses-its-data) a moment ago.',
    advice: 'Ask again. If it stays like this, look for a change that never ends.',
  },
  target: {
    meaning:
      'The request line has the URL in absolute form, or with a fragment, which the handler may repeat. A stored response is sent all the same.',
    advice: 'Nothing: browsers and proxies send the path and the query alone.',
  },
  'too-large': {
    meaning: 'The body is larger than `maxBodyBytes`, by its `Content-Length`.',
    advice: 'Raise `maxBodyBytes`, or send less.',
  },
  user: {
    meaning:
      'The freshness comes from `ttlSeconds`, and `req.user`, `req.auth` or `res.locals.user` is set, as Passport and express-jwt do.',
    advice: 'Give a `key` with the user in it, or `shared: true` if all users get the same response.',
  },
  vary: {
    meaning: 'The response has `Vary: *`: no other request is known to fit.',
    advice: 'Name the request fields that matter.',
  },
};

/** The table of the guide. */
export const cacheReasonTable = (): string =>
  [
    '| `detail` | Reason | What to do |',
    '| --- | --- | --- |',
    ...Object.entries(cacheReasons).map(
      ([word, { meaning, advice }]) => `| \`${word}\` | ${meaning} | ${advice} |`,
    ),
  ].join('\n');
