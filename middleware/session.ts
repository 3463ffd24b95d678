import { randomBytes } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { isUnavailable, ToolkitError } from '../src/errors.js';
import type { Logger } from '../src/logger.js';
import {
  aBoolean,
  aFunction,
  anyOf,
  aPositiveInteger,
  aString,
  connectionChecks,
  oneOf,
  readOptions,
} from '../src/options.js';
import type { RedisClient } from '../src/redis.js';
import { linkTo } from '../src/redis-link.js';
import { type SessionSummary, type StoredSession, sessionStore } from '../src/session-store.js';
import { holdResponse } from './hold-response.js';
import { takePrefetched, withPrefetch } from './prefetch.js';
import { RequestSession } from './request-session.js';
import { readSessionId, type SessionCookieOptions } from './session-cookie.js';
import type { Session } from './session-object.js';

declare global {
  namespace Express {
    interface Request {
      session: Session;
      sessionID: string;
    }
  }
}

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

const defaults = {
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

const checks = {
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

const cookieChecks = {
  maxAge: anyOf(oneOf(null), aPositiveInteger('milliseconds')),
  httpOnly: aBoolean,
  sameSite: oneOf(true, false, 'lax', 'strict', 'none'),
  secure: oneOf(true, false, 'auto'),
  path: aString,
  domain: aString,
  partitioned: aBoolean,
};

/** The middleware, and what can be done with the sessions of a user from anywhere. */
export interface SessionMiddleware extends RequestHandler {
  /** The live sessions of a user, oldest first. */
  list(user: string): Promise<SessionSummary[]>;
  /** Ends the sessions of a user, but for the one with the id `except`; says how many it ended. */
  destroyAll(user: string, options?: { readonly except?: string }): Promise<number>;
}

/**
 * `req.session`, compatible with express-session, in Redis. Parallel requests that change different properties
 * lose nothing, a destroyed session stays destroyed, and nothing reaches the client before the save is
 * acknowledged. One round trip to read, one more when something changed, none without a cookie.
 *
 * @example
 * app.use(session({ redis, secret: process.env.SESSION_SECRET!, user: (s) => s.userId }));
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; requests may end in `REDIS_UNAVAILABLE`,
 * `SESSION_TOO_LARGE`, `SESSION_PROPERTY_REFUSED`
 */
export function session(given: SessionOptions): SessionMiddleware {
  const options = readOptions('session', given, checks, defaults, ['redis', 'secret']);
  const cookie = readOptions('session cookie', options.cookie, cookieChecks, {});
  const name = options.name ?? defaultName(cookie);
  refuseBrokenPrefix(name, cookie);
  const secrets = [options.secret].flat() as string[];
  linkTo(options.redis, options.logger);
  const store = sessionStore(options.redis, options);
  const settings = { ...options, name, secrets, cookie };

  const load = (req: Request): Promise<Loaded | undefined> | undefined => {
    const id = readSessionId(req, name, secrets);
    return id === undefined ? undefined : store.load(id).then((stored) => stored && { id, stored });
  };

  const handler: RequestHandler = async function sessionMiddleware(req, res, next) {
    if (hasSession(req)) return next();
    let loaded: Loaded | undefined;
    try {
      loaded = await (takePrefetched<Promise<Loaded | undefined>>(req, handler) ?? load(req));
    } catch (error) {
      if (options.onUnavailable === 'error' || !isUnavailable(error)) return next(error);
      attach(req, new RequestSession(req, res, store, settings));
      return next();
    }
    const current = new RequestSession(req, res, store, settings, loaded);
    attach(req, current);
    holdResponse(res, next, () => current.settle());
    next();
  };

  return Object.assign(withPrefetch(handler, load), {
    list: (user: string) => store.list(user),
    destroyAll: (user: string, { except }: { readonly except?: string } = {}) =>
      store.destroyAll(user, except),
  });
}

interface Loaded {
  readonly id: string;
  readonly stored: StoredSession;
}

const current = Symbol('express-redis-toolkit.session');

function attach(req: Request, session: RequestSession): void {
  Object.defineProperty(req, current, { value: session, configurable: true });
  Object.defineProperty(req, 'sessionID', { get: () => session.id, configurable: true, enumerable: true });
  Object.defineProperty(req, 'session', {
    get: () => session.session,
    set: (value) => {
      session.session = value;
    },
    configurable: true,
    enumerable: true,
  });
}

function hasSession(req: Request): boolean {
  return current in req;
}

/** Whether anyone has read `req.session` during this request: then its response may be personal. */
export function sessionWasRead(req: Request): boolean {
  return (req as { [current]?: RequestSession })[current]?.wasRead ?? false;
}

function defaultName({ secure, domain, path }: SessionCookieOptions): string {
  return secure === true && domain === undefined && (path ?? '/') === '/'
    ? '__Host-connect.sid'
    : 'connect.sid';
}

function refuseBrokenPrefix(name: string, { secure, domain, path }: SessionCookieOptions): void {
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
