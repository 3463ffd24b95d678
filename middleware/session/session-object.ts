import { type InspectOptions, inspect } from 'node:util';
import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { isSystemField, type SessionData, type StoredFields } from '../../src/sessions/index.js';
import { thrownError } from '../thrown.js';
import type { SessionCookie } from './cookie/cookie.js';

// The type is express-session's: code that was written for it reads properties of the error.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type SessionCallback = (error?: any) => void;

/** What is behind the methods of a session. With `isHandled` a callback receives the failure. */
export interface SessionHost {
  regenerate(isHandled: boolean): Promise<void>;
  destroy(isHandled: boolean): Promise<void>;
  save(isHandled: boolean): Promise<void>;
  reload(isHandled: boolean): Promise<void>;
}

/**
 * `req.session`: the application's properties, and express-session's methods, which take a callback and return a
 * promise. Methods, `id` and `req` are not enumerable.
 */
export interface Session extends Partial<SessionData> {
  /** The id in the cookie. It is secret: whoever has it can use the session. Redis stores only its hash. */
  readonly id: string;
  /** The request that the session object was made for. */
  readonly req: Request;
  cookie: SessionCookie;
  /**
   * Ends the session and begins another with a new id, as a login should. Afterwards `req.session` is the new session.
   * The response waits until Redis has removed the old one.
   */
  regenerate(): Promise<void>;
  regenerate(callback: SessionCallback): void;
  /** Ends the session. From now on `req.session` is undefined. @throws ToolkitError `REDIS_UNAVAILABLE` */
  destroy(): Promise<void>;
  destroy(callback: SessionCallback): void;
  /**
   * Stores the changes now. Without a call they are stored before the response.
   * @throws ToolkitError `SESSION_NOT_FOUND`, `SESSION_TOO_LARGE`, `SESSION_CONFLICT`, `REDIS_UNAVAILABLE`
   */
  save(): Promise<void>;
  save(callback: SessionCallback): void;
  /** Reads the session again, into a new `req.session`. @throws ToolkitError `SESSION_NOT_FOUND`, `REDIS_UNAVAILABLE` */
  reload(): Promise<void>;
  reload(callback: SessionCallback): void;
  /** Starts the cookie's `maxAge` anew. */
  touch(): Session;
  /** The same as `touch`. */
  resetMaxAge(): Session;
}

const REFUSED_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

const HOST = Symbol('express-redis-toolkit.session-host');

class SessionMethods {
  declare readonly cookie: SessionCookie;
  // Not #private: applications copy sessions together with their prototype, and wrap them in proxies.
  declare readonly [HOST]: SessionHost;

  // `Object.assign(req.session, req.body)` with a `__proto__` in the body would give the session another prototype.
  set __proto__(_value: unknown) {
    throw refusedError('__proto__');
  }

  regenerate(callback?: SessionCallback): Promise<void> {
    return deliver(this[HOST].regenerate(isCallback(callback)), callback);
  }

  destroy(callback?: SessionCallback): Promise<void> {
    return deliver(this[HOST].destroy(isCallback(callback)), callback);
  }

  save(callback?: SessionCallback): Promise<void> {
    return deliver(this[HOST].save(isCallback(callback)), callback);
  }

  reload(callback?: SessionCallback): Promise<void> {
    return deliver(this[HOST].reload(isCallback(callback)), callback);
  }

  // `console.log` would show `cookie` as an accessor.
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `Session ${inspect({ ...this }, options)}`;
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
    if (REFUSED_NAMES.has(name) || isSystemField(name) || isMethod(name)) throw refusedError(name);
    fields.set(name, json);
  }
  return fields;
}

function refusedError(name: string): ToolkitError {
  return new ToolkitError(
    'SESSION_PROPERTY_REFUSED',
    `session: the property name "${name}" cannot be stored; use another`,
  );
}

const isCallback = (value: unknown): value is SessionCallback => typeof value === 'function';

// As in express-session, a callback receives the error, and nothing else does. Without a callback the promise rejects.
function deliver(work: Promise<void>, callback: SessionCallback | undefined): Promise<void> {
  return isCallback(callback)
    ? work.then(
        () => callback(),
        (thrown) => callback(thrownError(thrown)),
      )
    : work;
}
