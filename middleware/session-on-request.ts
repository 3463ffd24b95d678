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

interface Slot {
  opened?: RequestSession;
  readonly open: () => RequestSession;
}

const slots = new WeakMap<Request, Slot>();

/** Gives the request a session; `open` is called at the first look, and most requests never have one. */
export function attach(req: Request, open: () => RequestSession): void {
  slots.set(req, { open });
}

/** Puts `session` and `sessionID` on the request, as express-session names them. */
export function show(req: Request): void {
  const slot = slots.get(req)!;
  // Not found by `this`: that may be a proxy of the request.
  Object.defineProperties(req, {
    sessionID: {
      get: () => opened(slot).current.id,
      set(value) {
        opened(slot).current.id = value;
      },
      configurable: true,
      enumerable: true,
    },
    session: {
      get: () => opened(slot).current.session,
      set(value) {
        opened(slot).current.session = value;
      },
      configurable: true,
      enumerable: true,
    },
  });
}

export const openedOn = (req: Request): RequestSession => opened(slots.get(req)!);

function opened(slot: Slot): RequestSession {
  slot.opened ??= slot.open();
  return slot.opened;
}

/** The session, if somebody has looked at it. */
export function lookedAt(req: Request): RequestSession | undefined {
  return slots.get(req)?.opened;
}

/** Whether a session of any kind is on the request already: as in express-session the first one counts. */
export function hasSession(req: Request): boolean {
  return slots.has(req) || Boolean((req as { session?: unknown }).session);
}

/** Whether anyone has read `req.session` during this request: then its response may be personal. */
export function sessionWasRead(req: Request): boolean {
  return lookedAt(req)?.current.wasRead ?? false;
}
