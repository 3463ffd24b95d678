import type { Logger } from './logger.js';

/**
 * Every notice of the toolkit, by code: misuse and trouble that is found at run time. A notice is written to the logger, once
 * per kind, or given to a callback such as `onError`. Nothing is thrown, so a notice has no HTTP status.
 */
export const NOTICE_CATALOGUE = {
  RATE_LIMIT_MOUNTED_TWICE: 'One limiter handled the same request twice. It charges once; mount it once.',
  RATE_LIMIT_NAME_REUSED:
    "Two limiters of one client have a policy of the same name, window, algorithm and prefix, so that each counts the other's requests; with a function as `windowMs`, those for which it returns the other's window. If that is not intended, give each its own `identifier`.",
  RATE_LIMIT_ADDRESS_MISSING:
    'Requests have no IP address, because they arrive over a unix socket: all of them share one limit. Behind a proxy set `trust proxy` to the number of proxies in front, or give a `keyGenerator`.',
  RATE_LIMIT_TRUST_PROXY_OFF:
    '`X-Forwarded-For` arrives but `trust proxy` is off: all clients behind the proxy share one limit. Set `trust proxy` to the number of proxies in front.',
  RATE_LIMIT_TRUST_PROXY_ANY:
    '`trust proxy` is true: any client can choose its own address in `X-Forwarded-For` and with it its limit. Set the number of proxies in front.',
  RATE_LIMIT_FORWARDED_IGNORED:
    'The header `Forwarded` arrives, which Express does not read: all clients behind the proxy share one limit. Have the proxy send `X-Forwarded-For` and set `trust proxy`, or give a `keyGenerator`.',
  RATE_LIMIT_ADDRESS_UNCUT:
    'A `keyGenerator` returns `req.ip`: with IPv6 anybody has enough addresses to escape the limit. Return `ipKeyGenerator(req.ip)`.',
  SESSION_COOKIE_INSECURE:
    'The session cookie is not sent (and then a new session is not stored), or browsers would drop it, because the request is not known to have come over HTTPS or the attributes contradict the prefix of the name. Behind a proxy set `trust proxy`, or the option `proxy`.',
  SESSION_ENDS_BEFORE_COOKIE:
    'A session cookie has a longer lifetime than `absoluteTimeoutMs`, after which every session ends. Raise `absoluteTimeoutMs`, or shorten `cookie.maxAge`.',
  SESSION_RESAVE_UNNEEDED:
    '`session` was given `resave: true`, which does nothing here: what a request did not change is never written. Leave it out.',
  SESSION_NOT_ADOPTED:
    'A session of express-session could not be adopted, so its request got a new session. The old one stays untouched in Redis. Further ones with the same reason are not reported. See the options `adopt` and `secret`.',
  CACHE_COOKIES_PERSONAL:
    '`cacheResponse` set aside the first 100 requests of a route because of their cookies. Name the cookies that make no difference in `ignoreCookies` (e.g. `_ga*`), or have the handler send `Cache-Control: public, max-age=…`.',
  CACHE_ALWAYS_PERSONAL:
    'In development: `cacheResponse` set aside the first three requests of a route because a middleware before it makes each of them personal, such as `passport.session()`, or a `keyGenerator` that reads `req.session`. Mount `cacheResponse` before that middleware, give a `key` with the user in it, or `shared: true` if all users get the same response.',
  CACHE_MOUNTED_TWICE:
    'A request came through two `cacheResponse`, or through one of them twice. The first one answers it, and the others do nothing: their options do not count. Mount one per route.',
  CACHE_GROUPS_UNREADABLE:
    '`Cache-Groups` or `Cache-Group-Invalidation` is not a list of quoted strings (`"a", "b"`), or a response has more than 128 groups. Such a response is not stored; such an invalidation does nothing.',
  CACHE_LOAD_NESTED:
    'A `load` given to `getOrLoad` calls `getOrLoad` for the same key, directly or through another `load`. The inner call does not wait for the outer one: it loads the value itself.',
  IDEMPOTENCY_SCOPE_UNKNOWN:
    '`idempotent` answered a request with 400, because nobody knows its client. Mount it behind a `session` that has the option `user`, give it the function `scope`, or, if strangers may share keys, set `anonymous: true`.',
  MESSAGE_UNREADABLE:
    'A message that is not JSON arrived on a channel of `subscriber`. No handler receives it; all other messages are delivered.',
  MESSAGE_HANDLER_FAILED:
    'A handler given to `subscriber` threw or rejected; `cause` is its error. All other handlers and messages are unaffected.',
  EVENTS_DROPPED:
    'A loop over `events` is slower than its channel: the oldest events in its buffer were dropped (`whenFull: drop-oldest`).',
  MESSAGES_MISSED:
    'The subscriber connection was lost for a while, and messages published during that time did not arrive. Give `onGap` to be called then, and read the state again there.',
} as const;

export type NoticeCode = keyof typeof NOTICE_CATALOGUE;

/** The path of a URL, for a log: its query may hold secrets. */
export const loggedPath = (url: string): string => url.split('?', 1)[0]!;

/** Writes a notice of a misuse, with its explanation. */
export function logMisuse(logger: Logger, code: NoticeCode, details: object = {}): void {
  logger.error({ code, ...details }, `${code}: ${NOTICE_CATALOGUE[code]}`);
}
