// Types `req.session` for everybody who imports this file: tsc keeps no other trace of it in the .d.ts.
import './request-property.js';
import type { Request, RequestHandler } from 'express';
import { linkTo } from '../../src/redis/index.js';
import { SessionStore } from '../../src/sessions/index.js';
import { ownCookies } from '../own-cookies.js';
import { stateOf } from '../request-state.js';
import { middlewareOf, type Step } from '../stack/index.js';
import { isUnder } from './cookie/path-match.js';
import { sessionIdReader } from './cookie/signed-cookie.js';
import { type SessionFinder, sessionFinder } from './find-session.js';
import { type SessionCalls, sessionCalls } from './instance-api.js';
import type { SessionOptions } from './options.js';
import { SessionAvailability } from './redis-unavailable.js';
import type { LoadedSession, RequestContext, SessionInstance } from './request-context.js';
import { attachSession, defineProperties, hasSession, requestSessionOf } from './request-property.js';
import { RequestSession } from './request-session.js';
import { saveBeforeResponse } from './save-before-response.js';
import { secretsFor } from './secret.js';
import type { Session } from './session-object.js';
import { readSettings } from './settings.js';

export type SessionMiddleware = RequestHandler & SessionCalls;

/**
 * `req.session`, compatible with express-session, in Redis. Parallel requests that change different properties
 * lose nothing, a destroyed session stays destroyed, and no response is sent before Redis has acknowledged the save.
 * Reading costs one round trip, a change one more, and a request without a cookie none.
 *
 * @example
 * app.use(session({ redis, secret: process.env.SESSION_SECRET!, user: (s) => s.userId }));
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; requests may end in `REDIS_UNAVAILABLE`,
 * `SESSION_TOO_LARGE`, `SESSION_PROPERTY_REFUSED`, `SESSION_CONFLICT`, `SESSION_SECRET_MISSING`
 */
export function session(given: SessionOptions): SessionMiddleware {
  const settings = readSettings(given);
  const { redis, name, onUnavailable } = settings;
  // The console is not told to the link: another user of it may have given a logger.
  const logger = given.logger && settings.logger;
  const availability = new SessionAvailability(onUnavailable, linkTo(redis, logger), logger);
  const store = new SessionStore(redis, {
    ...settings,
    onUnslid: (error) => availability.failed('slide', error),
  });
  const signedIdsOf = sessionIdReader(name, settings.secrets);
  const instance: SessionInstance = { settings, store, availability, signedIdsOf };
  ownCookies.add(name);

  const appliesTo = (req: Request) => !hasSession(req) && isUnder(settings.pathFor(req), req);
  const find = sessionFinder(instance);
  const openLoaded = (req: Request, loaded: LoadedSession | undefined): RequestContext => {
    availability.succeeded('read');
    return open(instance, req, loaded);
  };
  const openUnread = (req: Request, error: unknown): RequestContext => {
    const unread = signedIdsOf(req).map(({ id }) => id);
    return open(
      { ...instance, settings: availability.anonymous(settings, error, req) },
      req,
      undefined,
      unread,
    );
  };

  const step: Step<LoadedSession | undefined> = {
    ask: (req) => (appliesTo(req) ? find(req) : undefined),
    act(req, res, next, answer) {
      if (!appliesTo(req)) return next();
      const proceed = (context: RequestContext) => {
        saveBeforeResponse(res, next, context);
        next();
      };
      if (!(answer instanceof Promise)) return proceed(open(instance, req));
      return answer.then(
        (loaded) => proceed(openLoaded(req, loaded)),
        (error) => proceed(openUnread(req, error)),
      );
    },
  };

  const calls = sessionCalls(store, (req) => loadedWithoutStep(instance, find, req));
  return Object.assign(middlewareOf(step), calls);
}

/** The session of a request by the method `load`. */
async function loadedWithoutStep(
  instance: SessionInstance,
  find: SessionFinder,
  req: Request,
): Promise<Session | undefined> {
  const state = stateOf(req);
  // Who hears that there is none answers for one person, too.
  state.isLookedUp = true;
  if (state.session?.store !== instance.store) {
    const loaded = await find(req);
    if (!loaded) return undefined;
    open(instance, req, loaded);
  }
  return requestSessionOf(req).current.session ?? undefined;
}

function open(
  instance: SessionInstance,
  req: Request,
  loaded?: LoadedSession,
  unread: readonly string[] = [],
): RequestContext {
  const { settings, store, availability, signedIdsOf } = instance;
  const secrets = secretsFor(req, settings.secrets);
  // Without a session, too, the cookie tells which secret the other processes are sure to accept.
  const signed = loaded ?? (secrets.length > 1 ? signedIdsOf(req)[0] : undefined);
  const secretIndex = signed && !settings.mayResign() ? signed.secretIndex : 0;
  const resigns = loaded !== undefined && loaded.secretIndex !== secretIndex;
  const signWith = secrets[secretIndex] ?? secrets[0]!;
  const context = {
    settings,
    store,
    availability,
    signedIdsOf,
    req,
    signWith,
    resigns,
    loaded,
    unread,
    headSent: false,
  };
  attachSession(req, store, () => new RequestSession(context));
  defineProperties(req);
  return context;
}
