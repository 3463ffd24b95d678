import { type SerializeOptions, stringifySetCookie } from 'cookie';
import type { Request } from 'express';
import { ToolkitError } from '../../../src/errors.js';
import { aBoolean, anyOf, type Check, oneOf, readOptions } from '../../../src/read-options.js';
import { isSecure } from './secure-request.js';

/** Attributes of the session cookie. Names and meanings are express-session's. */
export interface SessionCookieOptions {
  /**
   * Lifetime of the cookie in milliseconds, which is then also the idle timeout of the session. False or null: the cookie
   * ends when the browser closes.
   * @default until the browser closes
   */
  readonly maxAge?: number | Date | false | null;
  /**
   * A fixed end for all cookies, or milliseconds as in `maxAge`. If both are given, the one that is written last wins.
   * @default until the browser closes
   */
  readonly expires?: Date | number | false | null;
  /**
   * Scripts in the page cannot read the cookie.
   * @default true
   */
  readonly httpOnly?: boolean;
  /**
   * Whether requests from other sites carry the cookie. True means `'strict'`, false omits the attribute, and `'auto'`
   * means `'none'` over HTTPS and `'lax'` otherwise. Case-insensitive.
   * @default 'lax'
   */
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto';
  /**
   * The browser sends the cookie over HTTPS only. `'auto'` means true if the request came over HTTPS.
   * @default 'auto'
   */
  readonly secure?: boolean | 'auto';
  /**
   * Only requests to this path and the paths below it have a session.
   * @default '/'
   */
  readonly path?: string;
  /**
   * The browser sends the cookie to this domain and its subdomains.
   * @default this host only
   */
  readonly domain?: string | null;
  /**
   * The browser keeps one cookie per top-level site (CHIPS).
   * @default false
   */
  readonly partitioned?: boolean;
  /**
   * Chrome evicts cookies of a high priority last when it has too many. Case-insensitive.
   * @default none
   */
  readonly priority?: 'low' | 'medium' | 'high';
}

/** The options in one form: the lifetime in one of its two attributes, words in lower case. */
export type SessionCookieSettings = Omit<SessionCookieOptions, 'maxAge' | 'expires' | 'domain'> & {
  readonly domain?: string | undefined;
  readonly maxAge?: number | null;
  readonly expires?: Date | undefined;
};

/** The attributes for one request: `'auto'` is decided. */
export type CookieAttributes = Omit<SessionCookieSettings, 'secure' | 'sameSite'> & {
  readonly secure?: boolean;
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none';
};

const aLifetime: Check = (value) => {
  if (value === false || value === null) return undefined;
  const ends = typeof value === 'number' && value > 0 ? new Date(Date.now() + value) : value;
  return ends instanceof Date && !Number.isNaN(ends.getTime())
    ? undefined
    : 'must be a number of milliseconds above 0, a valid Date, or null';
};

const ignoringCase =
  (check: Check): Check =>
  (value) =>
    check(lowerCase(value));

const isAccepted = (name: string, attributes: SerializeOptions = {}): boolean => {
  try {
    return stringifySetCookie(name, '', attributes) !== '';
  } catch {
    return false;
  }
};

export const aCookieName: Check = (value) =>
  typeof value === 'string' && isAccepted(value)
    ? undefined
    : 'must be a non-empty string of printable ASCII characters without spaces, ";" and "="';

export const aCookiePath: Check = (value) =>
  typeof value === 'string' && value.startsWith('/') && isAccepted('name', { path: value })
    ? undefined
    : 'must be a path that begins with "/" and has no ";", such as "/admin"';

// No request has such a path, so none would have a session.
const aRequestPath: Check = (value) =>
  aCookiePath(value) ??
  (/[?#\s]|\/\.\.?(?:\/|$)/.test(value as string)
    ? 'must be the path of a URL as requests have it: without query, fragment, spaces and "..", such as "/admin"'
    : undefined);

const aCookieDomain: Check = (value) =>
  typeof value === 'string' && isAccepted('name', { domain: value })
    ? undefined
    : 'must be a domain without scheme, port and path, such as "example.com"';

const checks = {
  maxAge: aLifetime,
  expires: aLifetime,
  httpOnly: aBoolean,
  sameSite: ignoringCase(oneOf(true, false, 'lax', 'strict', 'none', 'auto')),
  secure: oneOf(true, false, 'auto'),
  path: aRequestPath,
  domain: anyOf(oneOf(null, ''), aCookieDomain),
  partitioned: aBoolean,
  priority: ignoringCase(oneOf('low', 'medium', 'high')),
};

const hints = {
  signed: 'leave it out: the cookie is always signed',
  overwrite: 'leave it out: a response has one cookie of this name',
  encode: 'leave it out: the value is always percent-encoded',
};

export function readCookieOptions(given: SessionCookieOptions): SessionCookieSettings {
  const { maxAge: _, expires: __, ...options } = readOptions('session cookie', given, checks, {}, [], hints);
  const { sameSite, priority, domain } = options;
  return {
    ...options,
    ...(sameSite !== undefined && { sameSite: lowerCase(sameSite) }),
    ...(priority !== undefined && { priority: lowerCase(priority) }),
    domain: domain || undefined,
    ...lifetimeOf(given),
  };
}

/** A date in the past would make browsers drop every cookie at once. @throws ToolkitError `OPTION_INVALID` */
export function refusePast(given: SessionCookieOptions): void {
  for (const name of ['maxAge', 'expires'] as const) {
    const value = given[name];
    if (!(value instanceof Date) || value.getTime() > Date.now()) continue;
    throw new ToolkitError('OPTION_INVALID', `session cookie: option "${name}" must be a date in the future`);
  }
}

function lifetimeOf(given: SessionCookieOptions): Pick<SessionCookieSettings, 'maxAge' | 'expires'> {
  const names = Object.keys(given).filter((name) => name === 'maxAge' || name === 'expires');
  const value = names.map((name) => given[name]).findLast((each) => each !== undefined);
  if (value instanceof Date) return { expires: value };
  return value === undefined ? {} : { maxAge: value || null };
}

function lowerCase<Value>(value: Value): Value {
  return typeof value === 'string' ? (value.toLowerCase() as Value) : value;
}

/** Decides `'auto'` for this request. */
export function attributesFor(
  req: Request,
  { secure = 'auto', sameSite, ...rest }: SessionCookieSettings,
  proxy: boolean | undefined,
): CookieAttributes {
  const overHttps = isSecure(req, proxy);
  return {
    ...rest,
    // Computed once per request: a later comparison must not see the time that has passed since.
    ...(rest.expires && { maxAge: rest.expires.getTime() - Date.now() }),
    secure: secure === 'auto' ? overHttps : secure,
    sameSite: sameSite === 'auto' ? (overHttps ? 'none' : 'lax') : (sameSite ?? 'lax'),
  };
}
