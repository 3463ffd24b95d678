import type { Request, Response } from 'express';
import type { Entry, Lookup, ResponseCache } from '../../src/cache/index.js';
import type { Directives } from '../../src/http/cache-control.js';
import type { Fields } from '../../src/http/fields.js';
import { type Reuse, reuseOf } from '../../src/http/reuse.js';
import { variantOf } from '../../src/http/vary.js';
import type { SingleFlight } from '../../src/single-flight/index.js';
import { monotonicNow } from '../../src/timers.js';
import { detachResponse } from '../response/index.js';
import { setCacheStatus } from './cache-status.js';
import { hasForeignCondition, isConditional, type PassedOn } from './conditional-request.js';
import type { Forwarded } from './forwarded.js';
import { personalBy } from './personal.js';
import type { Question } from './question.js';
import { serveEntry } from './serve-entry.js';
import type { CacheSettings } from './settings.js';

/** How the handler is asked; nothing when the request is answered. */
export type Decision = Pick<Forwarded, 'fwd' | 'turn' | 'stale' | 'inBackground'> | undefined;

/** Answers from the cache, waits for another request's answer, or takes the turn to ask the handler. */
export function decisions(
  cache: ResponseCache,
  flights: SingleFlight<never>,
  settings: CacheSettings,
  passedOn: PassedOn,
) {
  const refreshLater = async (
    { id, tags }: Question,
    stale: Entry,
    req: Request,
    res: Response,
  ): Promise<Decision> => {
    detachResponse(req, res, () => serveEntry(stale, req, res, { hit: true }));
    // What these bring back may not be stored.
    if (req.method === 'HEAD' || settings.wantedBy(req.headers as Fields).has('no-store')) return undefined;
    const taken = await flights.take(id, tags, { wait: false, until: 0 }).catch(() => undefined);
    const turn = taken?.right;
    return turn && { fwd: 'stale', turn, stale, inBackground: true };
  };

  // Others wait only for a handler call whose answer they can use.
  const isForOthers = (
    { id }: Question,
    reuse: Reuse | undefined,
    stored: Entry | undefined,
    req: Request,
  ) => {
    const { method, headers } = req;
    const isPassedOn = isConditional(req) && reuse === undefined && !passedOn.has(id);
    const isAuthorized = headers.authorization !== undefined && !settings.ignoresCredentials;
    const isImplied = stored ? stored.head.terms.isImplied : settings.ttlSeconds !== undefined;
    const isPersonal =
      isAuthorized || (isImplied && personalBy(req, settings, stored?.head.vary) !== undefined);
    const isUnshared = isPersonal || settings.wantedBy(headers as Fields).has('no-store');
    const isPartial = method === 'HEAD' || headers.range !== undefined || hasForeignCondition(req);
    return !(isPassedOn || isUnshared || isPartial || reuse === 'request');
  };

  return async function decide(
    question: Question,
    first: Lookup,
    req: Request,
    res: Response,
  ): Promise<Decision> {
    const wanted = settings.wantedBy(req.headers as Fields);
    const until = monotonicNow() + 10_000;
    let lookup = first;
    for (let waited = false; ; waited = true) {
      const { miss } = lookup;
      const entry = usable(lookup, req, settings);
      const eagerness =
        settings.earlyRefresh > 0 && isForOthers(question, 'serve', entry, req) ? settings.earlyRefresh : 0;
      const reuse = entry && reuseOf(entry.head.terms, wanted, Date.now(), eagerness);
      if (entry && reuse === 'serve') {
        serveEntry(entry, req, res, waited ? { fwd: miss, collapsed: true } : { hit: true });
        return undefined;
      }
      if (entry && reuse === 'serve-and-refresh') return refreshLater(question, entry, req, res);
      if (wanted.has('only-if-cached')) {
        setCacheStatus(res, { detail: 'only-if-cached' });
        res.status(504).end();
        return undefined;
      }
      const fwd = reuse === undefined ? miss : reuse === 'request' ? reuse : 'stale';
      const { id, tags } = question;
      if (!isForOthers(question, reuse, lookup.entry, req)) {
        return { fwd, turn: await flights.takeUnshared(tags), ...(entry && { stale: entry }) };
      }
      const seen = lookup;
      const lookAgain = () => cache.lookUp(id, tags, req.headers as Fields);
      // The second look goes in the lease's write: between the first and the lease somebody may have filled and left.
      // A turn that was taken must be ended, so a look that fails counts as the first did.
      const [{ right: turn }, beside] = await Promise.all([
        flights.take(id, tags, { wait: true, until }),
        lookAgain().catch(() => seen),
      ]);
      const isNew = isFreshFor(beside, req, settings, wanted);
      if (turn && !isNew) return { fwd, turn, ...(entry && { stale: entry }) };
      turn?.end('stored');
      lookup = isNew ? beside : await lookAgain();
    }
  };
}

function isFreshFor(lookup: Lookup, req: Request, settings: CacheSettings, wanted: Directives): boolean {
  const entry = usable(lookup, req, settings);
  return entry !== undefined && reuseOf(entry.head.terms, wanted, Date.now()) === 'serve';
}

/** The stored response, unless this request's credentials, conditions or, since it was asked for, fields forbid it. */
export function usable(
  { entry }: Pick<Lookup, 'entry'>,
  req: Request,
  settings: CacheSettings,
): Entry | undefined {
  if (!entry || hasForeignCondition(req)) return undefined;
  const { terms, vary, variant } = entry.head;
  if (terms.isImplied && personalBy(req, settings, vary)) return undefined;
  // The handler may answer differently to credentials, unless the response said that it does not (RFC 9111 §3.5).
  const forEverybody =
    settings.ignoresCredentials || req.headers.authorization === undefined || terms.forAuthorized;
  // An earlier middleware may have changed what Vary names since the look-up began.
  const isVariant = vary.length === 0 || variantOf(vary, req.headers as Fields) === variant;
  return forEverybody && isVariant ? entry : undefined;
}
