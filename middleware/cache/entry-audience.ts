import type { Request } from 'express';
import type { Entry, Lookup } from '../../src/cache/index.js';
import type { Fields } from '../../src/http/fields.js';
import { variantOf } from '../../src/http/vary.js';
import { hasForeignCondition, isConditional, type PassedOn } from './conditional-request.js';
import { personalBy } from './personal.js';
import type { CacheSettings } from './settings.js';
import { isCommonTarget } from './target.js';

/** The stored response, unless this request's credentials, conditions or, since it was asked for, fields forbid it. */
export function usableEntry(
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
  // An earlier middleware may have changed the fields that Vary names since the look-up began.
  const isVariant = vary.length === 0 || variantOf(vary, req.headers as Fields) === variant;
  return forEverybody && isVariant ? entry : undefined;
}

/** Who can use the response of a handler call, as far as the request tells; `nobody`: it may not be stored. */
export type Audience = 'everybody' | 'one person' | 'this request' | 'nobody';

/**
 * Others wait only for a handler call whose response they can use.
 *
 * @param stored the entry whether or not this request may use it
 */
export function audienceOf(req: Request, stored: Entry | undefined, settings: CacheSettings): Audience {
  const { method, headers } = req;
  if (settings.wantedBy(headers as Fields).has('no-store') || !isCommonTarget(req)) return 'nobody';
  const isAuthorized = headers.authorization !== undefined && !settings.ignoresCredentials;
  const isImplied = stored ? stored.head.terms.isImplied : settings.ttlSeconds !== undefined;
  if (isAuthorized || (isImplied && personalBy(req, settings, stored?.head.vary) !== undefined))
    return 'one person';
  const isPartial = method === 'HEAD' || headers.range !== undefined || hasForeignCondition(req);
  return isPartial ? 'this request' : 'everybody';
}

/** Whether the client's own condition is passed on to the handler, whose 304 would be of use to nobody else. */
export const isPassedOn = (req: Request, id: string, passedOn: PassedOn): boolean =>
  isConditional(req) && !passedOn.get(id);
