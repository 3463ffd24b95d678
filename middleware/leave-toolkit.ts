import type { Request } from 'express';
import { recordOf } from './request-state.js';

declare module './request-state.js' {
  interface RequestRecord {
    /** What is still to be done before code of others gets the request. */
    beforeLeaving?: (() => void) | undefined;
  }
}

/**
 * Puts work off until code that is not the toolkit's is about to get the request. A hit of the cache ends before that: it
 * does without the session's hold of the response, a tenth of its CPU on Node 24.
 */
export function beforeLeaving(req: Request, work: () => void): void {
  recordOf(req).beforeLeaving = work;
}

/** Does the work that was put off. Code of others gets the request, its session or its response next. */
export function leaveToolkit(req: Request): void {
  const record = recordOf(req);
  const work = record.beforeLeaving;
  if (work === undefined) return;
  record.beforeLeaving = undefined;
  work();
}
