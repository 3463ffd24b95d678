// Types `req.session` for whoever imports this: tsc keeps no other trace of it in the .d.ts.
import './session-on-request.js';
import type { Request, RequestHandler } from 'express';
import { isUnavailable } from '../src/errors.js';
import { readOptions } from '../src/options.js';
import { linkTo } from '../src/redis-link.js';
import { type SessionSummary, type StoredSession, sessionStore } from '../src/session-store.js';
import { holdResponse } from './hold-response.js';
import { takePrefetched, withPrefetch } from './prefetch.js';
import { RequestSession } from './request-session.js';
import { readSessionId } from './session-cookie.js';
import { attach, hasSession } from './session-on-request.js';
import {
  checks,
  cookieChecks,
  defaultName,
  defaults,
  refuseBrokenPrefix,
  type SessionOptions,
} from './session-options.js';

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
    holdResponse(res, next, ({ headSent }) => current.settle(headSent));
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
