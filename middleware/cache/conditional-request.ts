import type { Request } from 'express';
import type { Entry } from '../../src/cache/index.js';
import { validatorsOf } from '../../src/http/conditional.js';
import type { Fields } from '../../src/http/fields.js';
import type { RecentMap } from '../../src/recent-map.js';

const CONDITIONS = ['if-none-match', 'if-modified-since'];
const PARTS = ['range', 'if-range'];

/** Whether the request has a condition for a change, which only the handler can judge (RFC 9110 §13.1). */
export function hasForeignCondition(req: Request): boolean {
  return req.headers['if-match'] !== undefined || req.headers['if-unmodified-since'] !== undefined;
}

export function isConditional(req: Request): boolean {
  return CONDITIONS.some((name) => req.headers[name] !== undefined);
}

/** The keys for which a client's own condition has been passed on. */
export type PassedOn = RecentMap<true>;

/** Changes the request so that the handler validates the stored response, or sends one that can be stored. */
export function prepareRequest(
  req: Request,
  id: string,
  { stale, inBackground }: { readonly stale?: Entry; readonly inBackground?: true },
  passedOn: PassedOn,
): void {
  if (stale) askToValidate(req, stale);
  // No client waits for the part, and a part cannot be stored.
  if (inBackground) for (const name of PARTS) delete req.headers[name];
  if (stale || !isConditional(req) || hasForeignCondition(req)) return;
  // Once, the copy of the client may save the handler the body. The second time there should be a response to store.
  if (passedOn.get(id)) askForWhole(req);
  else passedOn.set(id, true);
}

/** Has the handler validate the stored response instead of the client's copy (RFC 9111 §4.3.1). */
function askToValidate(req: Request, { head }: Entry): void {
  askForWhole(req);
  const validators = validatorsOf(head.fields);
  if (Object.keys(validators).length > 0) for (const name of PARTS) delete req.headers[name];
  Object.assign(req.headers, validators);
}

/** Has the handler answer in full, so that the response can be stored; the client's 304 is made from it. */
function askForWhole(req: Request): void {
  for (const name of CONDITIONS) delete req.headers[name];
}

export function headersAsAsked(req: Request): Fields {
  return { ...req.headers } as Fields;
}
