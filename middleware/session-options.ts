import { randomBytes } from 'node:crypto';
import type { Request } from 'express';
import { ToolkitError } from '../src/errors.js';
import type { Logger } from '../src/logger.js';
import {
  aBoolean,
  aFunction,
  anyOf,
  aPositiveInteger,
  aString,
  connectionChecks,
  oneOf,
} from '../src/options.js';
import type { RedisClient } from '../src/redis.js';
import type { SessionCookieOptions } from './session-cookie.js';
import type { Session } from './session-object.js';

/** Options of `session`. Names and meanings are express-session's where it has them. */
export interface SessionOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /** Signs the cookie. In a list the first signs and all are accepted, so that a secret can be rotated. */
  readonly secret: string | readonly string[];
  /**
   * Name of the cookie.
   * @default 'connect.sid', or '__Host-connect.sid' when `cookie.secure` is true, without a domain and for the path /
   */
  readonly name?: string;
  /**
   * Attributes of the cookie.
   * @default { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: null }
   */
  readonly cookie?: SessionCookieOptions;
  /**
   * Send the cookie with every response, so that its `maxAge` starts anew.
   * @default false
   */
  readonly rolling?: boolean;
  /**
   * Store a session that nothing was written to.
   * @default false
   */
  readonly saveUninitialized?: boolean;
  /**
   * Makes the id of a new session.
   * @default 256 random bits, base64url
   */
  readonly genid?: (req: Request) => string;
  /**
   * What `req.session = null` does to the stored session.
   * @default 'keep'
   */
  readonly unset?: 'keep' | 'destroy';
  /**
   * Names the user of a session, for `list` and `destroyAll`.
   * @default sessions belong to nobody
   */
  readonly user?: (session: Session) => string | undefined;
  /**
   * Milliseconds without a request after which a session ends; `cookie.maxAge` takes its place when set.
   * @default 86400000
   */
  readonly idleTimeoutMs?: number;
  /**
   * Milliseconds after which a session ends however busy it is.
   * @default 2592000000
   */
  readonly absoluteTimeoutMs?: number;
  /**
   * Bytes of JSON that a save may carry.
   * @default 65536
   */
  readonly maxBytes?: number;
  /**
   * While Redis does not answer: an error (503), or an empty session that is not stored.
   * @default 'error'
   */
  readonly onUnavailable?: 'error' | 'anonymous';
  /**
   * Milliseconds to wait for Redis.
   * @default 250
   */
  readonly timeoutMs?: number;
  /**
   * In front of every key in Redis.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Told of outages and of misuse, once each.
   * @default console
   */
  readonly logger?: Logger;
}

export const defaults = {
  cookie: {} as SessionCookieOptions,
  rolling: false,
  saveUninitialized: false,
  genid: () => randomBytes(32).toString('base64url'),
  unset: 'keep',
  idleTimeoutMs: 86_400_000,
  absoluteTimeoutMs: 2_592_000_000,
  maxBytes: 65_536,
  onUnavailable: 'error',
  timeoutMs: 250,
  prefix: '',
} satisfies Partial<SessionOptions>;

export const checks = {
  ...connectionChecks,
  secret: (value: unknown) =>
    [value].flat().length > 0 && [value].flat().every((secret) => typeof secret === 'string' && secret !== '')
      ? undefined
      : 'must be a non-empty string, or a list of them',
  name: aString,
  cookie: (value: unknown) => (value !== null && typeof value === 'object' ? undefined : 'must be an object'),
  rolling: aBoolean,
  saveUninitialized: aBoolean,
  genid: aFunction,
  unset: oneOf('keep', 'destroy'),
  user: aFunction,
  idleTimeoutMs: aPositiveInteger('milliseconds'),
  absoluteTimeoutMs: aPositiveInteger('milliseconds'),
  maxBytes: aPositiveInteger('bytes'),
  onUnavailable: oneOf('error', 'anonymous'),
};

export const cookieChecks = {
  maxAge: anyOf(oneOf(null), aPositiveInteger('milliseconds')),
  httpOnly: aBoolean,
  sameSite: oneOf(true, false, 'lax', 'strict', 'none'),
  secure: oneOf(true, false, 'auto'),
  path: aString,
  domain: aString,
  partitioned: aBoolean,
};

/** The prefix binds the cookie to its host (RFC 6265bis), wherever its rules can be kept. */
export function defaultName({ secure, domain, path }: SessionCookieOptions): string {
  return secure === true && domain === undefined && (path ?? '/') === '/'
    ? '__Host-connect.sid'
    : 'connect.sid';
}

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
