import { randomBytes } from 'node:crypto';
import type { Request } from 'express';
import type { Logger } from '../../src/logger.js';
import {
  aBoolean,
  aFunction,
  anyOf,
  aPositiveInteger,
  aWholeNumber,
  connectionChecks,
  oneOf,
} from '../../src/read-options.js';
import type { RedisClient } from '../../src/redis/index.js';
import type { SessionAdoptOptions } from './adopt/options.js';
import type { SessionConflict } from './conflict.js';
import { aCookieName, type SessionCookieOptions } from './cookie/options.js';
import { aSessionSecret, type SessionSecret } from './secret.js';
import type { Session } from './session-object.js';
import type { SessionUser } from './session-owner.js';

/** Options of `session`. Options that express-session also has keep its names and meanings. */
export interface SessionOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Signs the cookie: text, a Buffer or a secret KeyObject. The first secret of a list signs, and cookies signed by any
   * of them are accepted, so that a secret can be rotated: first deploy `[old, new]`, then `[new, old]`.
   * @default `req.secret`, which `cookieParser(secret)` sets
   */
  readonly secret?: SessionSecret | readonly SessionSecret[];
  /**
   * Adopts sessions of express-session with connect-redis: if a cookie names none of ours, the old one is read, and goes on
   * here under the same id and cookie. See the guide "Moving from express-session".
   * @default old sessions are not read
   */
  readonly adopt?: SessionAdoptOptions;
  /**
   * Milliseconds from the start of the process during which a browser keeps the secret that signed its cookie. Then a
   * cookie of an older secret is signed again by the first one. It should outlast a rolling deployment, in which
   * processes that do not have the new secret yet would replace a cookie signed by it.
   * @default 3600000
   */
  readonly resignAfterMs?: number;
  /**
   * Name of the cookie.
   * @default 'connect.sid', or '__Host-connect.sid' if `cookie.secure` is true, neither a domain nor another path than / is set, and there is no `adopt`
   */
  readonly name?: string;
  /**
   * Attributes of the cookie, or a function of the request that returns them. A session keeps the lifetime that the
   * function returned for the request which created it; the other attributes are those for the present request.
   * @default { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: null }
   */
  readonly cookie?: SessionCookieOptions | ((req: Request) => SessionCookieOptions);
  /**
   * Trust `X-Forwarded-Proto`: true, false, or (undefined) as Express' `trust proxy` says.
   * @default `trust proxy`
   */
  readonly proxy?: boolean;
  /**
   * Send the cookie with every response, so that its `maxAge` starts anew.
   * @default false
   */
  readonly rolling?: boolean;
  /**
   * Has no effect and is accepted for code that comes from express-session. Unchanged properties are never written, so a
   * request cannot undo a change of another one, and reading a session extends it. True is logged.
   * @default false
   */
  readonly resave?: boolean;
  /**
   * Store a new session even if the application has written nothing to it.
   * @default false
   */
  readonly saveUninitialized?: boolean;
  /**
   * Makes the id of a new session.
   * @default 256 random bits, base64url
   */
  readonly genid?: (req: Request) => string;
  /**
   * What `req.session = null` does to the stored session: nothing, or ends it.
   * @default 'keep'
   */
  readonly unset?: 'keep' | 'destroy';
  /**
   * When two requests change the same property: `overwrite`: the last to save wins. `fail`: the second to save gets a 409
   * (`SESSION_CONFLICT`). A function returns the value to store, or a promise of it.
   * @default 'overwrite'
   */
  readonly onConflict?: 'overwrite' | 'fail' | ((conflict: SessionConflict) => unknown);
  /**
   * Returns the id of a session's user, for `list`, `destroy` and `destroyAll`.
   * @default sessions belong to no user
   */
  readonly user?: (session: Session) => SessionUser | null | undefined;
  /**
   * Maximum number of sessions of one user. One login more ends the oldest session.
   * @default unlimited
   */
  readonly maxPerUser?: number;
  /**
   * Describes the device that logged in, such as its `User-Agent`, for `list`. Each value is cut to 256 characters.
   * @default no description
   */
  readonly device?: (req: Request) => Readonly<Record<string, string | undefined>>;
  /**
   * A session ends after this many milliseconds without a request. It may end up to 5 % earlier, but at most a minute,
   * because most requests do not write that they came. `cookie.maxAge` takes precedence if it is set. A shorter time also
   * applies to existing sessions, but not to the `maxAge` that `req.session.cookie` or a cookie function gave one of them.
   * @default 86400000
   */
  readonly idleTimeoutMs?: number;
  /**
   * A session ends this many milliseconds after it was created, even if it is in use. A shorter time also applies to existing
   * sessions.
   * @default 2592000000
   */
  readonly absoluteTimeoutMs?: number;
  /**
   * Maximum size of a session, in bytes of JSON.
   * @default 65536
   */
  readonly maxBytes?: number;
  /**
   * When Redis cannot read a session: an error (503), or an empty session that is not stored. In both cases a change
   * that Redis cannot store is an error.
   * @default 'error'
   */
  readonly onUnavailable?: 'error' | 'anonymous';
  /**
   * Milliseconds to wait for Redis.
   * @default 250
   */
  readonly timeoutMs?: number;
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
  cookie: {} as SessionCookieOptions,
  resignAfterMs: 3_600_000,
  rolling: false,
  resave: false,
  saveUninitialized: false,
  genid: () => randomBytes(32).toString('base64url'),
  unset: 'keep',
  onConflict: 'overwrite',
  idleTimeoutMs: 86_400_000,
  absoluteTimeoutMs: 2_592_000_000,
  maxBytes: 65_536,
  onUnavailable: 'error',
  timeoutMs: 250,
  prefix: '',
} satisfies Partial<SessionOptions>;

export const checks = {
  ...connectionChecks,
  secret: aSessionSecret,
  adopt: (value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? undefined
      : "must be an object, such as { prefix: 'sess:' }",
  resignAfterMs: aWholeNumber('milliseconds', Number.MAX_SAFE_INTEGER),
  name: aCookieName,
  cookie: (value: unknown) =>
    value !== null && ['object', 'function'].includes(typeof value)
      ? undefined
      : 'must be an object, or a function of the request that returns one',
  proxy: aBoolean,
  rolling: aBoolean,
  resave: aBoolean,
  saveUninitialized: aBoolean,
  genid: aFunction,
  unset: oneOf('keep', 'destroy'),
  onConflict: anyOf(oneOf('overwrite', 'fail'), aFunction),
  user: aFunction,
  maxPerUser: aPositiveInteger('sessions'),
  device: aFunction,
  idleTimeoutMs: aPositiveInteger('milliseconds'),
  absoluteTimeoutMs: aPositiveInteger('milliseconds'),
  maxBytes: aPositiveInteger('bytes'),
  onUnavailable: oneOf('error', 'anonymous'),
};

/** Advice for options of express-session, connect-redis, connect-mongo, cookie-session and koa-session. */
export const hints = {
  store: 'leave it out: sessions are stored in the Redis of option "redis"',
  client: 'it is called "redis" and takes an ioredis client',
  cookieName: 'it is called "name"',
  sessionName: 'it is called "name"',
  password: 'it is called "secret"',
  generateId: 'it is called "genid"',
  idGenerator: 'it is called "genid"',
  duration: 'it is called "absoluteTimeoutMs"',
  ttlSeconds: 'it is called "idleTimeoutMs", in milliseconds',
  activeDuration: 'it is called "idleTimeoutMs"',
  renew: 'it is called "rolling"',
  autoRemove: 'leave it out: every key has an expiry',
  crypto: 'leave it out: sessions are stored as JSON, under a hash of their id',
  signed: 'leave it out: the cookie is always signed',
  logErrors: 'use "logger"',
  key: 'it is called "name"',
  keys: 'it is called "secret"',
  generate: 'it is called "genid"',
  keyPrefix: 'it is called "prefix"',
  ttl: 'it is called "idleTimeoutMs", in milliseconds, or comes from "cookie": { cookie: { maxAge: … } }',
  disableTouch: 'leave it out: reading a session extends it',
  disableTTL: 'leave it out: every session ends after "absoluteTimeoutMs"',
  touchAfter: 'leave it out: a session that is only read is extended at most once a minute',
  serializer: 'leave it out: every property is stored as JSON; "adopt" takes it to read old sessions',
  scanCount: 'leave it out: no key is scanned; "list" returns the sessions of a user',
  autoCommit: 'leave it out: changes are stored before the response',
  ...Object.fromEntries(
    ['maxAge', 'expires', 'secure', 'httpOnly', 'sameSite', 'domain', 'path', 'partitioned', 'priority'].map(
      (attribute) => [attribute, `it goes into "cookie": { cookie: { ${attribute}: … } }`],
    ),
  ),
};
