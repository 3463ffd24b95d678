import type { NextFunction, Request, Response } from 'express';
import { holdResponse } from '../response/index.js';
import { type SignedId, writeSessionId } from './cookie/signed-id.js';
import type { SessionOperations } from './operations.js';
import { openedOperationsOf, operationsOf } from './request-property.js';
import type { SessionSecret } from './secret.js';
import type { TrackedSession } from './session-changes.js';
import type { SessionSettings } from './settings.js';

/** The facts about the beginning of a request that its end needs. */
export interface RequestContext {
  readonly req: Request;
  readonly settings: SessionSettings;
  /** The first secret signs. */
  readonly secrets: readonly SessionSecret[];
  /** The session that the cookie named, if it exists. */
  readonly loaded?: SignedId | undefined;
}

/** Holds a response back until the request's session is stored. */
export function saveBeforeResponse(res: Response, next: NextFunction, context: RequestContext): void {
  const { req } = context;
  if (mayWriteUnread(context)) operationsOf(req);
  // The hold begins here and not at the first use of the session: a middleware that wraps or keeps `res.end` before
  // that use would send the response past the hold.
  holdResponse(res, next, ({ headSent }) => {
    const operations = openedOperationsOf(req);
    return operations && settle(operations, context, res, headSent);
  });
}

/** Whether a session or a cookie may have to be written although the application has not read the session. */
function mayWriteUnread({ settings, loaded }: RequestContext): boolean {
  const { rolling, saveUninitialized, unset } = settings;
  return rolling || saveUninitialized || unset === 'destroy' || loaded?.stale === true;
}

/** Stores or ends the session. Returns undefined when the response may go on at once. */
function settle(
  operations: SessionOperations,
  context: RequestContext,
  res: Response,
  headSent: boolean,
): Promise<void> | undefined {
  // The handler called a method and did not wait for it. If the method fails, the response fails.
  const { pending, current } = operations;
  if (pending) return pending.then(() => settle(operations, context, res, headSent));
  const { rolling, saveUninitialized } = context.settings;
  const isUntouched = !current.isOpen && !current.removal;
  if (isUntouched && !rolling && !saveUninitialized && !context.loaded?.stale) return undefined;
  // The application knows of the failure and answers with an error. Any other answer would confirm a lost change.
  if (operations.hasFailed && res.statusCode >= 400) return undefined;
  const tracked = current.peek();
  const { removal } = current;
  if (removal) return removal.destroys && operations.mayExist ? operations.destroy() : operations.ended();
  // Without its cookie a new session could never be found again.
  if (current.hasUnusableId || (headSent && !tracked.exists)) return operations.ended();
  const sendCookie = () => {
    if (!headSent) sendCookieIfNeeded(context, res, tracked);
  };
  const changes = tracked.changes();
  if (changes || (!tracked.exists && (saveUninitialized || operations.wasRegenerated))) {
    return operations.saveAtEnd(changes, sendCookie);
  }
  sendCookie();
  return operations.ended();
}

function sendCookieIfNeeded(
  { req, settings, secrets, loaded }: RequestContext,
  res: Response,
  tracked: TrackedSession,
): void {
  const isNew = tracked.id !== loaded?.id;
  const isNeeded = isNew ? tracked.exists : settings.rolling || loaded?.stale || tracked.hasNewCookie;
  const { cookie } = tracked.session;
  if (!isNeeded || !settings.maySend(req, cookie)) return;
  cookie.resetMaxAge();
  writeSessionId(res, settings.name, tracked.id, secrets[0]!, cookie);
}
