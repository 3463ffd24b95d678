import type { Request } from 'express';
import type { Entry } from '../src/cache-record.js';
import { validatorsOf } from '../src/http/conditional.js';
import type { Fields } from '../src/http/fields.js';

const CONDITIONS = ['if-none-match', 'if-modified-since'];
const PARTS = ['range', 'if-range'];

/** Conditions on changing something; what they guard is the handler's to judge (RFC 9110 §13.1). */
export function hasForeignCondition(req: Request): boolean {
  return req.headers['if-match'] !== undefined || req.headers['if-unmodified-since'] !== undefined;
}

export function isConditional(req: Request): boolean {
  return CONDITIONS.some((name) => req.headers[name] !== undefined);
}

/** Has the handler validate a stored response in place of what the client has (RFC 9111 §4.3.1). */
export function askToValidate(req: Request, { head }: Entry): void {
  askForWhole(req);
  const validators = validatorsOf(head.fields);
  if (Object.keys(validators).length > 0) for (const name of PARTS) delete req.headers[name];
  Object.assign(req.headers, validators);
}

/** Has the handler answer in full, so that there is something to store; the client's 304 is made from that. */
export function askForWhole(req: Request): void {
  for (const name of CONDITIONS) delete req.headers[name];
}

export function headersAsAsked(req: Request): Fields {
  return { ...req.headers } as Fields;
}
