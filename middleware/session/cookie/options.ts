import type { Request } from 'express';
import { aBoolean, anyOf, aString, type Check, oneOf, readOptions } from '../../../src/read-options.js';
import { isSecure } from './secure-request.js';

/** Cookie settings of a session; express-session's names and meanings. */
export interface SessionCookieOptions {
  /**
   * Milliseconds that the browser keeps the cookie; it is also the idle timeout then. False or null: until it closes.
   * @default until the browser closes
   */
  readonly maxAge?: number | Date | false | null;
  /**
   * A fixed end for all cookies, or milliseconds as in `maxAge`; of the two the one that is written last counts.
   * @default until the browser closes
   */
  readonly expires?: Date | number | false | null;
  /**
   * Hidden from scripts in the page.
   * @default true
   */
  readonly httpOnly?: boolean;
  /**
   * Whether it is sent along with requests from other sites; true is `'strict'`, false leaves it out, `'auto'` is
   * `'none'` over HTTPS and otherwise `'lax'`. In any case.
   * @default 'lax'
   */
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto';
  /**
   * Sent over HTTPS only; `'auto'`: when the request came over HTTPS.
   * @default 'auto'
   */
  readonly secure?: boolean | 'auto';
  /**
   * Requests to other paths have no session.
   * @default '/'
   */
  readonly path?: string;
  /**
   * For this domain and those below it.
   * @default this host alone
   */
  readonly domain?: string | null;
  /**
   * One cookie jar per top-level site (CHIPS).
   * @default false
   */
  readonly partitioned?: boolean;
  /**
   * What Chrome evicts last when it has too many cookies. In any case.
   * @default none
   */
  readonly priority?: 'low' | 'medium' | 'high';
}

/** Options in one form: how long the cookie lives in one of two, words in lower case. */
export type SessionCookieSettings = Omit<SessionCookieOptions, 'maxAge' | 'expires' | 'domain'> & {
  readonly domain?: string | undefined;
  readonly maxAge?: number | null;
  readonly expires?: Date | undefined;
};

/** Attributes with the request's own answers in the place of `'auto'`. */
export type CookieAttributes = Omit<SessionCookieSettings, 'secure' | 'sameSite'> & {
  readonly secure?: boolean;
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none';
};

const aLife: Check = (value) => {
  if (value === false || value === null) return undefined;
  const ends = typeof value === 'number' && value > 0 ? new Date(Date.now() + value) : value;
  return ends instanceof Date && !Number.isNaN(ends.getTime())
    ? undefined
    : 'must be a number of milliseconds above 0, a valid Date, or null';
};

const inAnyCase =
  (check: Check): Check =>
  (value) =>
    check(lowerCase(value));

const checks = {
  maxAge: aLife,
  expires: aLife,
  httpOnly: aBoolean,
  sameSite: inAnyCase(oneOf(true, false, 'lax', 'strict', 'none', 'auto')),
  secure: oneOf(true, false, 'auto'),
  path: aString,
  domain: anyOf(oneOf(null, ''), aString),
  partitioned: aBoolean,
  priority: inAnyCase(oneOf('low', 'medium', 'high')),
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
    ...lifeIn(given),
  };
}

function lifeIn(given: SessionCookieOptions): Pick<SessionCookieSettings, 'maxAge' | 'expires'> {
  const names = Object.keys(given).filter((name) => name === 'maxAge' || name === 'expires');
  const value = names.map((name) => given[name]).findLast((each) => each !== undefined);
  if (value instanceof Date) return { expires: value };
  return value === undefined ? {} : { maxAge: value || null };
}

function lowerCase<Value>(value: Value): Value {
  return typeof value === 'string' ? (value.toLowerCase() as Value) : value;
}

/** The options with `'auto'` decided for this request. */
export function attributesFor(
  req: Request,
  { secure = 'auto', sameSite, ...rest }: SessionCookieSettings,
  proxy: boolean | undefined,
): CookieAttributes {
  const overHttps = isSecure(req, proxy);
  return {
    ...rest,
    // Once per request: what is compared with it later must not have run on.
    ...(rest.expires && { maxAge: rest.expires.getTime() - Date.now() }),
    secure: secure === 'auto' ? overHttps : secure,
    sameSite: sameSite === 'auto' ? (overHttps ? 'none' : 'lax') : (sameSite ?? 'lax'),
  };
}
