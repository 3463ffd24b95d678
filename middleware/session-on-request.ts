import type { Request } from 'express';
import type { RequestSession } from './request-session.js';
import type { Session } from './session-object.js';

declare global {
  namespace Express {
    interface Request {
      session: Session;
      sessionID: string;
    }
  }
}

const current = Symbol('express-redis-toolkit.session');

type Carrier = { [current]?: RequestSession };

/** Puts `session` and `sessionID` on the request, as express-session names them. */
export function attach(req: Request, session: RequestSession): void {
  Object.defineProperty(req, current, { value: session, configurable: true });
  Object.defineProperty(req, 'sessionID', {
    get: () => session.current.id,
    set: (value) => {
      session.current.id = value;
    },
    configurable: true,
    enumerable: true,
  });
  Object.defineProperty(req, 'session', {
    get: () => session.current.session,
    set: (value) => {
      session.current.session = value;
    },
    configurable: true,
    enumerable: true,
  });
}

/** Whether a session of any kind is on the request already: as in express-session the first one counts. */
export function hasSession(req: Request): boolean {
  return current in req || Boolean((req as { session?: unknown }).session);
}

/** Whether anyone has read `req.session` during this request: then its response may be personal. */
export function sessionWasRead(req: Request): boolean {
  return (req as Carrier)[current]?.current.wasRead ?? false;
}
