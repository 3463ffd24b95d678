import type { Request } from 'express';
import { ToolkitError } from '../src/errors.js';
import { aBoolean, anyOf, aPositiveInteger, aString, oneOf, readOptions } from '../src/options.js';
import { isSecure } from './secure-request.js';
import type { CookieAttributes } from './session-cookie.js';

/** Cookie settings of a session; express-session's names and meanings. */
export interface SessionCookieOptions {
  /**
   * Milliseconds that the browser keeps the cookie; it is also the idle timeout then.
   * @default until the browser closes
   */
  readonly maxAge?: number | null;
  /**
   * Hidden from scripts in the page.
   * @default true
   */
  readonly httpOnly?: boolean;
  /**
   * Whether it is sent along with requests from other sites; `'auto'`: `'none'` over HTTPS, otherwise `'lax'`.
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
  readonly domain?: string;
  /**
   * One cookie jar per top-level site (CHIPS).
   * @default false
   */
  readonly partitioned?: boolean;
  /**
   * What Chrome evicts last when it has too many cookies.
   * @default none
   */
  readonly priority?: 'low' | 'medium' | 'high';
}

const checks = {
  maxAge: anyOf(oneOf(null), aPositiveInteger('milliseconds')),
  httpOnly: aBoolean,
  sameSite: oneOf(true, false, 'lax', 'strict', 'none', 'auto'),
  secure: oneOf(true, false, 'auto'),
  path: aString,
  domain: aString,
  partitioned: aBoolean,
  priority: oneOf('low', 'medium', 'high'),
};

export function readCookieOptions(given: SessionCookieOptions): SessionCookieOptions {
  return readOptions('session cookie', given, checks, {}, [], {
    expires: 'set maxAge, or req.session.cookie.expires for one session',
  });
}

/** The prefix binds the cookie to its host (RFC 6265bis), wherever its rules can be kept. */
export function defaultName({ secure, domain, path }: SessionCookieOptions): string {
  return secure === true && domain === undefined && (path ?? '/') === '/'
    ? '__Host-connect.sid'
    : 'connect.sid';
}

/** @throws ToolkitError `OPTION_INVALID` */
export function refuseBrokenPrefix(name: string, { secure, domain, path }: SessionCookieOptions): void {
  const host = name.startsWith('__Host-');
  if (!host && !name.startsWith('__Secure-')) return;
  if (secure !== true) throw broken(name, 'cookie.secure: true');
  if (host && domain !== undefined) throw broken(name, 'no cookie.domain');
  if (host && (path ?? '/') !== '/') throw broken(name, 'cookie.path: "/"');
}

function broken(name: string, demand: string): ToolkitError {
  return new ToolkitError(
    'OPTION_INVALID',
    `session: browsers drop the cookie "${name}" without ${demand} (RFC 6265bis, cookie name prefixes)`,
  );
}

/** The options with `'auto'` decided for this request. */
export function attributesFor(
  req: Request,
  { secure = 'auto', sameSite, ...rest }: SessionCookieOptions,
  proxy: boolean | undefined,
): CookieAttributes {
  const overHttps = isSecure(req, proxy);
  return {
    ...rest,
    secure: secure === 'auto' ? overHttps : secure,
    sameSite: sameSite === 'auto' ? (overHttps ? 'none' : 'lax') : (sameSite ?? 'lax'),
  };
}
