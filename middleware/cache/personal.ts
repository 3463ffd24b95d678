import type { TLSSocket } from 'node:tls';
import type { Request } from 'express';
import { consoleLogger, type Logger } from '../../src/logger.js';
import { loggedPath, NOTICE_CATALOGUE } from '../../src/notices.js';
import { ownCookies } from '../own-cookies.js';
import { stateOf } from '../request-state.js';

/**
 * By what a request may be told apart from those of other people. A response whose freshness its handler did not
 * declare is personal then: it is neither stored nor answered from the cache.
 */
export type PersonalBy =
  | 'client-certificate'
  | 'credential-field'
  | 'foreign-cookie'
  | 'foreign-session'
  | 'user';

/** By which requests are told apart. */
export interface PersonalRules {
  /** The key, or `shared`, vouches that credentials make no difference. */
  readonly ignoresCredentials: boolean;
  /** In lower case. */
  readonly credentialFields: ReadonlySet<string>;
  readonly ignoresCookie: (name: string) => boolean;
}

/**
 * Nothing when the request could be anybody's, or when `key` or `shared` vouches for that. Fields that `Vary` names do
 * not count: a stored response is served only to requests that say the same in them.
 */
export function personalBy(
  req: Request,
  settings: PersonalRules,
  vary: readonly string[] = [],
): PersonalBy | undefined {
  if (settings.ignoresCredentials) return undefined;
  if (hasCredential(req.headers, settings, vary)) return 'credential-field';
  if (hasUser(req)) return 'user';
  if (hasCertificate(req.socket)) return 'client-certificate';
  // A look at a session of ours would make the response personal by itself.
  if (stateOf(req).session === undefined && (req as { session?: unknown }).session) return 'foreign-session';
  // `Vary` tells apart what the field says, and not what a middleware has made of it.
  const isToldApart = req.headers.cookie !== undefined && vary.includes('cookie');
  return !isToldApart && foreignCookie(req, settings) !== undefined ? 'foreign-cookie' : undefined;
}

// Requests have fewer fields than the list has names.
function hasCredential(
  headers: Request['headers'],
  { credentialFields }: PersonalRules,
  vary: readonly string[],
): boolean {
  for (const name in headers) if (credentialFields.has(name) && !vary.includes(name)) return true;
  return false;
}

// `auth` is that of express-jwt and its like, `locals.user` that of many middlewares that are written by hand.
function hasUser(req: Request): boolean {
  const { user, auth } = req as { user?: unknown; auth?: unknown };
  return isSomebody(user) || isSomebody(auth) || isSomebody(req.res?.locals?.user);
}

// The id of a user may be 0.
const isSomebody = (user: unknown): boolean => Boolean(user) || user === 0;

// A server that takes certificates of any authority lets the handler judge them.
function hasCertificate(socket: Request['socket']): boolean {
  const { authorized, authorizationError } = socket as Partial<TLSSocket>;
  if (authorized || !authorizationError) return authorized === true;
  return Object.keys((socket as TLSSocket).getPeerCertificate() ?? {}).length > 0;
}

function foreignCookie(
  req: Request,
  { ignoresCookie }: Pick<PersonalRules, 'ignoresCookie'>,
): string | undefined {
  const isForeign = (name: string) => !ownCookies.has(name) && !ignoresCookie(name);
  const { cookie } = req.headers;
  if (cookie === undefined) return movedCookies(req).find(isForeign);
  for (const pair of cookie.split(';')) {
    if (pair.trim() === '') continue;
    const end = pair.indexOf('=');
    // A cookie may have an empty name.
    const name = (end < 0 ? pair : pair.slice(0, end)).trim();
    if (isForeign(name)) return name;
  }
  return undefined;
}

// cookie-parser keeps the cookies of a field that another middleware has removed since.
function movedCookies({ cookies, signedCookies }: Request): string[] {
  return cookies || signedCookies ? Object.keys({ ...cookies, ...signedCookies }) : [];
}

/** Whether a cookie is named by the option `ignoreCookies`, in which `*` stands for any characters. */
export function cookieMatcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => false;
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  const alternatives = patterns.map((pattern) => pattern.split('*').map(literal).join('.*'));
  const expression = new RegExp(`^(?:${alternatives.join('|')})$`, 's');
  return (name) => expression.test(name);
}

const WATCHED_REQUESTS = 100;
const LISTED_NAMES = 5;
// Patterns of routes are few. An app that adds routes for ever is not helped by an explanation.
const MOST_ROUTES = 1000;
const LONGEST_NAME = 64;

/** Hears of each answer of a handler: why it was personal, if it was. */
export type CookieWatch = (req: Request, by: PersonalBy | undefined) => void;

/**
 * Explains, once per middleware, why nothing is cached: the first 100 requests of a route were all set aside for cookies.
 */
export function cookieWatch(
  settings: Pick<PersonalRules, 'ignoresCookie'>,
  logger: Logger = consoleLogger,
): CookieWatch {
  const requestsOf = new Map<string, number>();
  const names = new Set<string>();
  let hasExplained = false;
  return (req, by) => {
    if (hasExplained) return;
    const route = String(req.route?.path ?? req.baseUrl);
    const earlier = requestsOf.get(route) ?? (requestsOf.size < MOST_ROUTES ? 0 : WATCHED_REQUESTS);
    if (earlier >= WATCHED_REQUESTS) return;
    // After one request that was not set aside, cookies are not to blame.
    const requests = by === 'foreign-cookie' ? earlier + 1 : WATCHED_REQUESTS;
    requestsOf.set(route, requests);
    const name = by === 'foreign-cookie' ? foreignCookie(req, settings) : undefined;
    if (name === undefined) return;
    if (names.size < LISTED_NAMES) names.add(name.slice(0, LONGEST_NAME));
    if (requests < WATCHED_REQUESTS) return;
    hasExplained = true;
    const details = {
      code: 'CACHE_COOKIES_PERSONAL',
      cookies: [...names],
      url: loggedPath(req.originalUrl),
    } as const;
    logger.warn(details, `${details.code}: ${NOTICE_CATALOGUE[details.code]}`);
  };
}
