import type { Request } from 'express';
import type { SessionStore } from '../../src/sessions/index.js';
import { leaveToolkit } from '../leave-toolkit.js';
import { stateOf } from '../request-state.js';
import type { RequestSession } from './request-session.js';
import type { Session } from './session-object.js';

declare global {
  namespace Express {
    interface Request {
      get session(): Session;
      /** Null, undefined or `delete` take the session away; see option `unset`. */
      set session(value: Session | null | undefined);
      sessionID: string;
    }
  }
}

declare module '../request-state.js' {
  interface RequestState {
    /** The session of the request. `open` makes it when it is first needed; most requests need none. */
    session?: { opened?: RequestSession; readonly open: () => RequestSession; readonly store: SessionStore };
    /** The application asked for the session by the method `load`. */
    isLookedUp?: boolean;
  }
}

// One pair of descriptors serves all requests. V8 keeps accessors in its old space: getters of each request's own would
// keep the request alive until that is swept (measured: 10 KB more of each survived, and a stack's hit took 40 % more CPU).
const PROPERTIES: PropertyDescriptorMap & ThisType<Request> = {
  sessionID: {
    get() {
      return requestSessionOf(this).current.id;
    },
    set(value) {
      requestSessionOf(this).current.id = value;
    },
    configurable: true,
    enumerable: true,
  },
  session: {
    get() {
      return requestSessionOf(this).current.session;
    },
    set(value) {
      requestSessionOf(this).current.session = value;
    },
    configurable: true,
    enumerable: true,
  },
};

/** Gives the request a session. `open` is called when somebody first reads it, which most requests never do. */
export function attachSession(req: Request, store: SessionStore, open: () => RequestSession): void {
  stateOf(req).session = { open, store };
}

/** Puts `session` and `sessionID` on the request, as express-session names them. */
export function defineProperties(req: Request): void {
  Object.defineProperties(req, PROPERTIES);
}

/** The session of the request, made at the first call. */
export function requestSessionOf(req: Request): RequestSession {
  const session = stateOf(req).session!;
  if (session.opened) return session.opened;
  leaveToolkit(req);
  session.opened ??= session.open();
  return session.opened;
}

/** The session of the request, if somebody has needed it. */
export function openedSessionOf(req: Request): RequestSession | undefined {
  return stateOf(req).session?.opened;
}

/** Whether the request has a session of any kind. As in express-session the first one counts. */
export function hasSession(req: Request): boolean {
  return stateOf(req).session !== undefined || Boolean((req as { session?: unknown }).session);
}

/** The user of the request's session by the option `user`; undefined without a session, or for one of no user. */
export function sessionUserOf(req: Request): string | undefined {
  return stateOf(req).session ? requestSessionOf(req).user : undefined;
}

/** Whether the application has read `req.session` during this request: then the response may be personal. */
export function sessionWasRead(req: Request): boolean {
  const { session, isLookedUp = false } = stateOf(req);
  return session?.opened?.current.wasRead || isLookedUp;
}
