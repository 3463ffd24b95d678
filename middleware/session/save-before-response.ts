import type { NextFunction, Request, Response } from 'express';
import { holdResponse } from '../response/index.js';
import { type SignedId, writeSessionId } from './cookie/signed-id.js';
import type { RequestSession } from './operations.js';
import { lookedAt, openedOn } from './request-property.js';
import type { SessionSecret } from './secret.js';
import type { SessionDraft } from './session-changes.js';
import type { SessionSettings } from './settings.js';

/** What the end of a request needs to know of its beginning. */
export interface SettleContext {
  readonly req: Request;
  readonly settings: SessionSettings;
  /** The first of these signs. */
  readonly secrets: readonly SessionSecret[];
  /** What the cookie named, if it was there. */
  readonly loaded?: SignedId | undefined;
}

/** Whether there may be something to store or to send though nobody has looked at the session. */
export function settlesUnseen({ settings, loaded }: SettleContext): boolean {
  const { rolling, saveUninitialized, unset } = settings;
  return rolling || saveUninitialized || unset === 'destroy' || loaded?.stale === true;
}

/** Keeps a response back until the session that somebody looked at is stored. */
export function holdUntilSettled(res: Response, next: NextFunction, context: SettleContext): void {
  const { req } = context;
  if (settlesUnseen(context)) openedOn(req);
  // Not from the first look on: who keeps or wraps `res.end` before it would send the response past the hold.
  holdResponse(res, next, ({ headSent }) => {
    const opened = lookedAt(req);
    return opened && settleSession(opened, context, res, headSent);
  });
}

/** What has to happen to a session before its response may go on, or nothing. */
function settleSession(
  own: RequestSession,
  context: SettleContext,
  res: Response,
  headSent: boolean,
): Promise<void> | undefined {
  // A method that the handler did not wait for; its failure is the response's.
  const { pending, current } = own;
  if (pending) return pending.then(() => settleSession(own, context, res, headSent));
  const { rolling, saveUninitialized } = context.settings;
  const isUntouched = !current.isOpen && !current.gone;
  if (isUntouched && !rolling && !saveUninitialized && !context.loaded?.stale) return undefined;
  // The application knows, and says so. Any other answer would promise what was not stored.
  if (own.hasFailed && res.statusCode >= 400) return undefined;
  const draft = current.peeked();
  const { gone } = current;
  if (gone) return gone.destroys && own.mayExist ? own.destroy() : own.ended();
  // Without its cookie a new session could never be found again.
  if (current.hasNoId || (headSent && !draft.exists)) return own.ended();
  const sendCookie = () => {
    if (!headSent) sendIfWanted(context, res, draft);
  };
  const changes = draft.changes();
  if (changes || (!draft.exists && (saveUninitialized || own.wasRegenerated))) {
    return own.saveAtEnd(changes, sendCookie);
  }
  sendCookie();
  return own.ended();
}

function sendIfWanted({ req, settings, secrets, loaded }: SettleContext, res: Response, draft: SessionDraft) {
  const isNew = draft.id !== loaded?.id;
  const wanted = isNew ? draft.exists : settings.rolling || loaded?.stale || draft.hasNewCookie;
  const { cookie } = draft.session;
  if (!wanted || !settings.maySend(req, cookie)) return;
  cookie.resetMaxAge();
  writeSessionId(res, settings.name, draft.id, secrets[0]!, cookie);
}
