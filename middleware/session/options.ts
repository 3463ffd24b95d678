import { randomBytes } from 'node:crypto';
import type { Request } from 'express';
import type { Logger } from '../../src/logger.js';
import {
  aBoolean,
  aFunction,
  anyOf,
  aPositiveInteger,
  aString,
  connectionChecks,
  oneOf,
} from '../../src/read-options.js';
import type { RedisClient } from '../../src/redis/index.js';
import type { SessionConflict } from './conflict.js';
import type { SessionCookieOptions } from './cookie/options.js';
import { aSessionSecret, type SessionSecret } from './secret.js';
import type { Session } from './session-object.js';

/** Options of `session`. Names and meanings are express-session's where it has them. */
export interface SessionOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Signs the cookie: text, a Buffer or a secret KeyObject. In a list the first signs and all are accepted, so that a secret can be rotated; a cookie by one
   * of the others is sent anew.
   * @default `req.secret`, which `cookieParser(secret)` sets
   */
  readonly secret?: SessionSecret | readonly SessionSecret[];
  /**
   * Name of the cookie.
   * @default 'connect.sid', or '__Host-connect.sid' when `cookie.secure` is true, without a domain and for the path /
   */
  readonly name?: string;
  /**
   * Attributes of the cookie, or a function of the request that gives them.
   * @default { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: null }
   */
  readonly cookie?: SessionCookieOptions | ((req: Request) => SessionCookieOptions);
  /**
   * Whether `X-Forwarded-Proto` tells that a request came over HTTPS: true, false, or as Express' `trust proxy` says.
   * @default `trust proxy`
   */
  readonly proxy?: boolean;
  /**
   * Send the cookie with every response, so that its `maxAge` starts anew.
   * @default false
   */
  readonly rolling?: boolean;
  /**
   * Accepted for code that comes from express-session, and not needed: what a request did not change is never
   * written, so that it cannot undo what another one wrote, and a session that is read lives on. True is logged.
   * @default false
   */
  readonly resave?: boolean;
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
   * When two requests changed the same property: the last to save wins, a 409 (`SESSION_CONFLICT`), or a function that
   * gives the value to store.
   * @default 'overwrite'
   */
  readonly onConflict?: 'overwrite' | 'fail' | ((conflict: SessionConflict) => unknown);
  /**
   * Names the user of a session, for `list`, `destroy` and `destroyAll`.
   * @default sessions belong to nobody
   */
  readonly user?: (session: Session) => string | number | undefined;
  /**
   * Sessions that a user may have at once; a login too many ends those that logged in first.
   * @default as many as he likes
   */
  readonly maxPerUser?: number;
  /**
   * What `list` shows of the device that logged in, such as its `User-Agent`; each value is cut to 256 characters.
   * @default nothing is kept
   */
  readonly device?: (req: Request) => Readonly<Record<string, string | undefined>>;
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
   * Bytes of JSON that a session may hold, however many saves it grew by.
   * @default 65536
   */
  readonly maxBytes?: number;
  /**
   * When a session cannot be read: an error (503), or an empty session that is not stored. What cannot be saved is an
   * error in both cases.
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
  name: aString,
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

export const hints = {
  store: 'leave it out: sessions are kept in the Redis of option "redis"',
  key: 'it is called "name"',
  ...Object.fromEntries(
    ['maxAge', 'expires', 'secure', 'httpOnly', 'sameSite', 'domain', 'path'].map((attribute) => [
      attribute,
      `it goes into "cookie": { cookie: { ${attribute}: … } }`,
    ]),
  ),
};
