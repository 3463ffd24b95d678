import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { isSystemField, type SessionData, type StoredFields } from '../../src/sessions/index.js';
import type { SessionCookie } from './cookie/cookie.js';

// As express-session has it: code that was written for it reads properties of the error.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type SessionCallback = (error?: any) => void;

/** What a session asks of the request that it belongs to; `told` when a callback hears of a failure. */
export interface SessionHost {
  regenerate(told: boolean): Promise<void>;
  destroy(told: boolean): Promise<void>;
  save(told: boolean): Promise<void>;
  reload(told: boolean): Promise<void>;
}

/**
 * `req.session`: the application's properties, and express-session's methods, which take a callback and return a
 * promise. Methods, `id` and `req` are not enumerable.
 */
export interface Session extends Partial<SessionData> {
  /** What the cookie carries. Never stored as it is, and not for the eyes of others. */
  readonly id: string;
  /** The request that it was made for. */
  readonly req: Request;
  cookie: SessionCookie;
  /**
   * Ends the session and begins another with a new id, as a login should; `req.session` is the new one when it
   * calls back, and the response waits until the old one is gone.
   */
  regenerate(): Promise<void>;
  regenerate(done: SessionCallback): void;
  /** Ends the session; `req.session` is undefined from now on. @throws ToolkitError `REDIS_UNAVAILABLE` */
  destroy(): Promise<void>;
  destroy(done: SessionCallback): void;
  /**
   * Stores what has changed. The end of the request does so too.
   * @throws ToolkitError `SESSION_NOT_FOUND`, `SESSION_TOO_LARGE`, `SESSION_CONFLICT`, `REDIS_UNAVAILABLE`
   */
  save(): Promise<void>;
  save(done: SessionCallback): void;
  /** Reads it again, into a new `req.session`. @throws ToolkitError `SESSION_NOT_FOUND`, `REDIS_UNAVAILABLE` */
  reload(): Promise<void>;
  reload(done: SessionCallback): void;
  /** Gives the cookie its full `maxAge` again. */
  touch(): Session;
  /** The same as `touch`. */
  resetMaxAge(): Session;
}

const REFUSED = new Set(['__proto__', 'constructor', 'prototype']);

const HOST = Symbol('express-redis-toolkit.session-host');

class SessionMethods {
  declare readonly cookie: SessionCookie;
  // Not #private: people copy sessions together with their prototype, and wrap them in proxies.
  declare readonly [HOST]: SessionHost;

  // `Object.assign(req.session, req.body)` with a `__proto__` in the body would give the session another prototype.
  set __proto__(_value: unknown) {
    throw refused('__proto__');
  }

  regenerate(done?: SessionCallback): Promise<void> {
    return tell(this[HOST].regenerate(done !== undefined), done);
  }

  destroy(done?: SessionCallback): Promise<void> {
    return tell(this[HOST].destroy(done !== undefined), done);
  }

  save(done?: SessionCallback): Promise<void> {
    return tell(this[HOST].save(done !== undefined), done);
  }

  reload(done?: SessionCallback): Promise<void> {
    return tell(this[HOST].reload(done !== undefined), done);
  }

  touch(): this {
    this.cookie.resetMaxAge();
    return this;
  }

  resetMaxAge(): this {
    return this.touch();
  }
}

const isMethod = (name: string) => Object.hasOwn(SessionMethods.prototype, name);

export function createSession(
  id: string,
  host: SessionHost,
  req: Request,
  given: SessionCookie,
  cookieFrom: (value: unknown) => SessionCookie,
  fields: StoredFields,
): Session {
  let cookie = given;
  const session = new SessionMethods() as unknown as Session;
  Object.defineProperty(session, HOST, { value: host });
  Object.defineProperty(session, 'id', { value: id });
  Object.defineProperty(session, 'req', { value: req });
  Object.defineProperty(session, 'cookie', {
    get: () => cookie,
    set: (value) => {
      cookie = cookieFrom(value);
    },
    enumerable: true,
  });
  for (const [name, json] of fields) {
    if (!isSystemField(name) && !Object.hasOwn(session, name) && !isMethod(name))
      Object.assign(session, { [name]: JSON.parse(json) });
  }
  return session;
}

/**
 * The properties as they would be stored: the JSON of each.
 * @throws ToolkitError `SESSION_PROPERTY_REFUSED`
 */
export function serialize(session: Session): Map<string, string> {
  const fields = new Map<string, string>();
  for (const name of Object.keys(session)) {
    if (name === 'cookie') continue;
    const json = JSON.stringify(session[name as keyof Session]);
    if (json === undefined) continue;
    if (REFUSED.has(name) || isSystemField(name) || isMethod(name)) throw refused(name);
    fields.set(name, json);
  }
  return fields;
}

function refused(name: string): ToolkitError {
  return new ToolkitError(
    'SESSION_PROPERTY_REFUSED',
    `session: the property name "${name}" cannot be stored; use another`,
  );
}

// With a callback the error goes there and only there, as in express-session; otherwise the promise rejects.
function tell(work: Promise<void>, done: SessionCallback | undefined): Promise<void> {
  return done ? work.then(() => done(), done) : work;
}
