import type { NextFunction, Response } from 'express';
import { beforeLeaving } from '../leave-toolkit.js';
import { canHold, holdResponse } from '../response/index.js';
import { writeSessionId } from './cookie/signed-cookie.js';
import { lossError, reportLoss } from './lost-changes.js';
import type { RequestContext } from './request-context.js';
import { openedSessionOf, requestSessionOf } from './request-property.js';
import type { RequestSession } from './request-session.js';
import type { Changes, TrackedSession } from './tracked-session.js';

/** Holds a response back until the request's session is stored. */
export function saveBeforeResponse(res: Response, next: NextFunction, context: RequestContext): void {
  if (canHold(res)) beforeLeaving(context.req, () => hold(res, next, context));
  if (mayWriteUnread(context)) requestSessionOf(context.req);
}

function hold(res: Response, next: NextFunction, context: RequestContext): void {
  const { req } = context;
  context.headSent = res.headersSent;
  // The hold begins before code of others gets the response, not only at the first use of the session: a middleware that
  // wraps or keeps `res.end` before that use would send the response past the hold.
  holdResponse(res, next, () => {
    const session = openedSessionOf(req);
    const settled = session && settle(session, context, res);
    // `res.headersSent` is no help: a held response claims that it was sent.
    if (!settled) context.headSent = true;
    return settled?.then(() => {
      context.headSent = true;
    });
  });
}

/** Whether a session or a cookie may have to be written although the application has not read the session. */
function mayWriteUnread({ settings, resigns }: RequestContext): boolean {
  const { rolling, saveUninitialized, unset } = settings;
  return rolling || saveUninitialized || unset === 'destroy' || resigns;
}

/** Stores or ends the session. Returns undefined when the response may go on at once. */
function settle(session: RequestSession, context: RequestContext, res: Response): Promise<void> | undefined {
  // The handler called a method and did not wait for it. If the method fails, the response fails.
  const { pending, current } = session;
  if (pending) return pending.then(() => settle(session, context, res));
  const { rolling, saveUninitialized } = context.settings;
  const isUntouched = !current.isOpen && !current.removal;
  if (isUntouched && !rolling && !saveUninitialized && !context.resigns) return undefined;
  // The application knows of the failure and answers with an error. Any other answer would confirm a lost change.
  if (session.hasFailed && res.statusCode >= 400) return undefined;
  const tracked = current.peek();
  const { removal } = current;
  if (removal) return removal.destroys && session.mayExist ? session.destroy() : session.ended();
  if (current.hasUnusableId) return session.ended();
  const changes = tracked.changes();
  const creates = !tracked.exists && (session.wasRegenerated || (saveUninitialized && !context.headSent));
  if (changes || creates) return saveAtEnd(session, context, res, changes);
  sendCookieIfNeeded(context, res, tracked);
  return session.ended();
}

async function saveAtEnd(
  session: RequestSession,
  context: RequestContext,
  res: Response,
  changes: Changes | undefined,
): Promise<void> {
  const loss = await session.saveAtEnd(changes);
  const tracked = session.current.peek();
  if (!loss) sendCookieIfNeeded(context, res, tracked);
  else if (context.headSent) reportLoss(context, tracked.id, loss);
  else throw lossError(loss);
}

function sendCookieIfNeeded(context: RequestContext, res: Response, tracked: TrackedSession): void {
  if (context.headSent) return;
  const { req, settings, signWith, resigns, loaded } = context;
  const isNew = tracked.id !== loaded?.id;
  const isNeeded = isNew ? tracked.exists : settings.rolling || resigns || tracked.hasNewCookie;
  const { cookie } = tracked.session;
  if (!isNeeded || !settings.maySend(req, cookie)) return;
  cookie.resetMaxAge();
  writeSessionId(res, settings.name, tracked.id, signWith, cookie);
}
