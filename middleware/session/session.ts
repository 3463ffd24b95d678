// Types `req.session` for whoever imports this: tsc keeps no other trace of it in the .d.ts.
import './request-property.js';
import type { IncomingMessage } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { isUnavailable } from '../../src/errors.js';
import { linkTo } from '../../src/redis/index.js';
import { hashId, type SessionStore, type SessionSummary, sessionStore } from '../../src/sessions/index.js';
import { ownCookies } from '../own-cookies.js';
import { canHold } from '../response/index.js';
import { middlewareOf, type Step } from '../stack/index.js';
import { type SignedId, sessionIdReader } from './cookie/signed-id.js';
import type { KnownSession } from './current-session.js';
import { RequestSession } from './operations.js';
import type { SessionOptions } from './options.js';
import { attach, hasSession, openedOn, show } from './request-property.js';
import { holdUntilSettled } from './save-before-response.js';
import { secretsFor } from './secret.js';
import type { Session } from './session-object.js';
import { readSettings } from './settings.js';

// A session that stands in for one that could not be read must not take its cookie away unless it was written to.
const UNASKED = { saveUninitialized: false, rolling: false } as const;

type LoadedSession = SignedId & KnownSession;

/** What can be done with sessions from anywhere. */
export interface SessionCalls {
  /** The live sessions of a user, oldest login first; `current` is the id (`req.sessionID`) of the one that asks. */
  list(user: string, options?: { readonly current?: string }): Promise<ListedSession[]>;
  /** Ends one session of a user, by its handle in `list`; says whether there was one. */
  destroy(user: string, handle: string): Promise<boolean>;
  /** Ends the sessions of a user, but for the one with the id `except`; says how many it ended. */
  destroyAll(user: string, options?: { readonly except?: string }): Promise<number>;
  /**
   * The stored session that a request's cookie names, for requests that have no response: a WebSocket's upgrade. Its
   * `save`, `reload` and `destroy` work; no cookie can be sent.
   * @throws ToolkitError `REDIS_UNAVAILABLE`
   */
  load(req: IncomingMessage): Promise<Session | undefined>;
}

/** A session of a user; `current` marks the one that asked. */
export type ListedSession = SessionSummary & { readonly current: boolean };

export type SessionMiddleware = RequestHandler & SessionCalls;

/**
 * `req.session`, compatible with express-session, in Redis. Parallel requests that change different properties
 * lose nothing, a destroyed session stays destroyed, and nothing reaches the client before the save is
 * acknowledged. One round trip to read, one more when something changed, none without a cookie.
 *
 * @example
 * app.use(session({ redis, secret: process.env.SESSION_SECRET!, user: (s) => s.userId }));
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; requests may end in `REDIS_UNAVAILABLE`,
 * `SESSION_TOO_LARGE`, `SESSION_PROPERTY_REFUSED`, `SESSION_CONFLICT`, `SESSION_SECRET_MISSING`
 */
export function session(given: SessionOptions): SessionMiddleware {
  const settings = readSettings(given);
  const { redis, name, secrets, onUnavailable } = settings;
  linkTo(redis, settings.logger);
  ownCookies.add(name);
  const store = sessionStore(redis, settings);

  const appliesTo = (req: Request) => !hasSession(req) && isUnder(settings.pathFor(req), req);
  const idOf = sessionIdReader(name, secrets);
  const find = (req: Request): Promise<LoadedSession | undefined> | undefined => {
    const signed = idOf(req);
    return (
      signed &&
      store.load(signed.id).then((stored) => stored && { id: signed.id, stale: signed.stale, stored })
    );
  };
  const open = (req: Request, loaded?: LoadedSession, unread?: string) => {
    const own = unread === undefined ? settings : { ...settings, ...UNASKED };
    attach(req, () => new RequestSession(req, store, own, loaded, unread));
    return { req, settings: own, secrets: secretsFor(req, secrets), loaded };
  };
  const openUnread = (req: Request, error: unknown) => {
    if (onUnavailable === 'error' || !isUnavailable(error)) throw error;
    return open(req, undefined, idOf(req)?.id);
  };

  const step: Step<LoadedSession | undefined> = {
    ask: (req) => (appliesTo(req) ? find(req) : undefined),
    async act(req, res, next, answer) {
      if (!appliesTo(req)) return next();
      const opened = await Promise.resolve(answer).then(
        (loaded) => open(req, loaded),
        (error) => openUnread(req, error),
      );
      show(req);
      if (canHold(res)) holdUntilSettled(res, next, opened);
      next();
    },
  };

  return Object.assign(
    middlewareOf(step),
    callsFor(store, async (req) => {
      const loaded = await find(req);
      if (!loaded) return undefined;
      open(req, loaded);
      show(req);
      return openedOn(req).current.session ?? undefined;
    }),
  );
}

function callsFor(store: SessionStore, load: (req: Request) => Promise<Session | undefined>): SessionCalls {
  const handleOf = (id: string | undefined) => (id === undefined ? undefined : hashId(id));
  return {
    async list(user, { current } = {}) {
      const handle = handleOf(current);
      return (await store.users.list(user)).map((one) => ({ ...one, current: one.handle === handle }));
    },
    destroy: (user, handle) => store.users.end(user, handle),
    destroyAll: (user, { except } = {}) => store.users.endAll(user, handleOf(except)),
    load: (req) => load(req as Request),
  };
}

function isUnder(path: string, req: Request): boolean {
  return (path === '/' && req.originalUrl?.startsWith('/')) || pathOf(req).startsWith(path);
}

// As `originalUrl` is Express', a request of plain Node or of a WebSocket's upgrade has none.
// A request to a proxy names scheme and host as well (RFC 9112, section 3.2.2).
const pathOf = (req: Request): string =>
  (req.originalUrl ?? req.url).replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').split('?', 1)[0] || '/';
