import type { Request, Response } from 'express';
import type { Entry } from '../../src/cache/index.js';
import type { Directives } from '../../src/http/cache-control.js';
import { errorIsTolerated, mayReplaceError } from '../../src/http/stale-by-age.js';
import type { FillEnd } from '../../src/single-flight/index.js';
import type { CacheStatus } from './cache-status.js';
import { usableEntry } from './entry-audience.js';
import type { FilledResponse } from './handler-decision.js';
import type { RequestedEntry } from './requested-entry.js';
import { serveEntry } from './serve-entry.js';
import type { CacheSettings } from './settings.js';

/** A request that the cache decides about. */
export interface Visit {
  readonly requested: RequestedEntry;
  readonly req: Request;
  readonly res: Response;
  /** The directives of the request. */
  readonly wanted: Directives;
  /** On the monotonic clock. */
  readonly arrivedAt: number;
  /** Until when it waits for others. */
  readonly until: number;
}

/** Serves the result of a fill that a request waited for: its response, or a stale one in place of its error. */
export function serveShared(
  { requested, req, res, wanted, arrivedAt }: Visit,
  { outcome, result, began = 0 }: FillEnd<FilledResponse>,
  stale: Entry | undefined,
  fwd: NonNullable<CacheStatus['fwd']>,
  settings: CacheSettings,
): boolean {
  // The response may be older than a change from before the request arrived, unless its handler began later.
  const isAnswer =
    began >= arrivedAt && (!result?.entry || settings.sharedQueries.isFor(requested, result.entry));
  const entry = isAnswer ? usableEntry(result ?? {}, req, settings) : undefined;
  if (entry) {
    serveEntry(entry, req, res, { fwd, collapsed: true });
    return true;
  }
  // Another process does not tell which error it was.
  const status = result?.failedWith ?? (outcome === 'failed' && began === 0 ? 500 : undefined);
  if (!stale || status === undefined) return false;
  const { terms } = stale.head;
  const isReplaced =
    fwd === 'bypass'
      ? errorIsTolerated(status, terms, Date.now())
      : mayReplaceError(status, terms, wanted, Date.now());
  if (isReplaced)
    serveEntry(stale, req, res, { fwd, 'fwd-status': status, collapsed: true, detail: 'stale-if-error' });
  return isReplaced;
}
