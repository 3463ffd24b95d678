import type { Request } from 'express';
import type { LRUCache } from 'lru-cache';
import type { Entry } from '../../src/cache/index.js';
import { validatorsOf } from '../../src/http/conditional.js';
import type { Fields } from '../../src/http/fields.js';

const CONDITIONS = ['if-none-match', 'if-modified-since'];
const PARTS = ['range', 'if-range'];

/** Conditions on changing something; what they guard is the handler's to judge (RFC 9110 §13.1). */
export function hasForeignCondition(req: Request): boolean {
  return req.headers['if-match'] !== undefined || req.headers['if-unmodified-since'] !== undefined;
}

export function isConditional(req: Request): boolean {
  return CONDITIONS.some((name) => req.headers[name] !== undefined);
}

/** The keys for which a client's own condition has been passed on. */
export type PassedOn = LRUCache<string, true>;

/** Changes what the handler is asked: to validate what is stored, or for something that can be stored. */
export function prepareRequest(
  req: Request,
  id: string,
  { stale, inBackground }: { readonly stale?: Entry; readonly inBackground?: true },
  passedOn: PassedOn,
): void {
  if (stale) askToValidate(req, stale);
  // Nobody waits for the part, and a part cannot be stored.
  if (inBackground) for (const name of PARTS) delete req.headers[name];
  if (stale || !isConditional(req) || hasForeignCondition(req)) return;
  // What the client has may save the handler the body, once; then there should be something to store.
  if (passedOn.has(id)) askForWhole(req);
  else passedOn.set(id, true);
}

/** Has the handler validate a stored response in place of what the client has (RFC 9111 §4.3.1). */
function askToValidate(req: Request, { head }: Entry): void {
  askForWhole(req);
  const validators = validatorsOf(head.fields);
  if (Object.keys(validators).length > 0) for (const name of PARTS) delete req.headers[name];
  Object.assign(req.headers, validators);
}

/** Has the handler answer in full, so that there is something to store; the client's 304 is made from that. */
function askForWhole(req: Request): void {
  for (const name of CONDITIONS) delete req.headers[name];
}

export function headersAsAsked(req: Request): Fields {
  return { ...req.headers } as Fields;
}
