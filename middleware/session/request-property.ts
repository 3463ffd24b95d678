import type { Request } from 'express';
import { recordOf } from '../request-record.js';
import type { RequestSession } from './operations.js';
import type { Session } from './session-object.js';

declare global {
  namespace Express {
    interface Request {
      session: Session;
      sessionID: string;
    }
  }
}

declare module '../request-record.js' {
  interface RequestRecord {
    /** The session of the request: made at the first look by `open`, which most requests never need. */
    session?: { opened?: RequestSession; readonly open: () => RequestSession };
  }
}

// One pair of descriptors for all requests. V8 keeps accessors in its old space: getters of a request's own would keep the
// request alive until that is swept (measured: 10 KB more of each survived, and a stack's hit took 40 % more CPU).
const PROPERTIES: PropertyDescriptorMap & ThisType<Request> = {
  sessionID: {
    get() {
      return openedOn(this).current.id;
    },
    set(value) {
      openedOn(this).current.id = value;
    },
    configurable: true,
    enumerable: true,
  },
  session: {
    get() {
      return openedOn(this).current.session;
    },
    set(value) {
      openedOn(this).current.session = value;
    },
    configurable: true,
    enumerable: true,
  },
};

/** Gives the request a session; `open` is called at the first look, and most requests never have one. */
export function attach(req: Request, open: () => RequestSession): void {
  recordOf(req).session = { open };
}

/** Puts `session` and `sessionID` on the request, as express-session names them. */
export function show(req: Request): void {
  Object.defineProperties(req, PROPERTIES);
}

export function openedOn(req: Request): RequestSession {
  const session = recordOf(req).session!;
  session.opened ??= session.open();
  return session.opened;
}

/** The session, if somebody has looked at it. */
export function lookedAt(req: Request): RequestSession | undefined {
  return recordOf(req).session?.opened;
}

/** Whether a session of any kind is on the request already: as in express-session the first one counts. */
export function hasSession(req: Request): boolean {
  return recordOf(req).session !== undefined || Boolean((req as { session?: unknown }).session);
}

/** Whether anyone has read `req.session` during this request: then its response may be personal. */
export function sessionWasRead(req: Request): boolean {
  return lookedAt(req)?.current.wasRead ?? false;
}
