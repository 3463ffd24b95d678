import { type ResponseDirectives, responseDirectives, secondsOf } from './cache-control.js';
import { validatorsOf } from './conditional.js';
import { combined, type Fields, namesIn } from './fields.js';
import {
  type Arrived,
  freshnessLifetime,
  hasOwnFreshness,
  initialAge,
  takesDefaultTtl,
} from './freshness.js';
import { fieldNamesOf } from './stored-fields.js';
import { varyNames } from './vary.js';

// How long a stale response is kept for a validation, for `max-stale`, or for an origin that is out of reach: as
// long again as it was fresh, within these bounds.
const KEPT_STALE_SECONDS = { least: 60, most: 600 };
// Types of bodies that end only with the connection: nobody can wait for the end of one, or be served a stored one.
const ENDLESS = /^\s*(?:text\/event-stream|multipart\/x-mixed-replace)\b/i;
const DICTIONARY_CODINGS = new Set(['dcb', 'dcz']);
const DICTIONARY_VARY = ['accept-encoding', 'available-dictionary'];
// Those whose caching RFC 9110 defines; what `must-understand` asks for (RFC 9111 §5.2.2.3).
const UNDERSTOOD = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 421, 451, 500, 501, 502,
  503, 504,
]);

/** How a stored response may be used, worked out when it is stored. Times are in seconds unless the name says otherwise. */
export interface Terms {
  /** When `ageThen` was true, in milliseconds since the epoch. */
  readonly thenMs: number;
  readonly ageThen: number;
  readonly lifetime: number;
  /** How long the handler took to begin its answer. */
  readonly cost: number;
  /** `no-cache`: never without asking the handler. */
  readonly validateAlways: boolean;
  /** `must-revalidate`, `proxy-revalidate`, `s-maxage`: never stale. */
  readonly neverStale: boolean;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  /** A response to everybody, even when the request carried `Authorization` (RFC 9111 §3.5). */
  readonly forAuthorized: boolean;
  /** The handler declared no freshness: it is that of `ttlSeconds`, or a heuristic one. */
  readonly isImplied: boolean;
}

export interface StoringRules {
  readonly ttlSeconds?: number;
  /** `stale-while-revalidate` of responses to which `ttlSeconds` applies. */
  readonly staleSeconds?: number;
  /** Targeted fields that outrank `Cache-Control`, most telling first. */
  readonly targets: readonly string[];
  /** The options say that credentials make no difference. */
  readonly ignoresCredentials?: boolean;
}

/** Why a response may not be stored. */
export type StoringRefusal =
  | 'authorization'
  | 'must-understand'
  | 'no-store'
  | 'not-fresh'
  | 'private'
  | 'set-cookie'
  | 'status'
  | 'stream'
  | 'vary';

/** The terms on which a response may be stored by a shared cache (RFC 9111 §3), or why it may not. */
export function termsOf(arrived: Arrived, request: Fields, rules: StoringRules): Terms | StoringRefusal {
  const control = responseDirectives(arrived.fields, rules.targets);
  const refusal = refusalOf(arrived, control);
  if (refusal) return refusal;
  const { directives } = control;
  const lifetime = freshnessLifetime(arrived, control, rules.ttlSeconds);
  const seconds = (name: string) => secondsOf(directives, name) || 0;
  const has = (...names: string[]) => names.some((name) => directives.has(name));
  const isImplied = !has('public') && !hasOwnFreshness(arrived.fields, control);
  const terms: Terms = {
    thenMs: arrived.receivedAt,
    ageThen: initialAge(arrived),
    lifetime,
    cost: Math.max(0, arrived.receivedAt - arrived.requestedAt) / 1000,
    validateAlways: has('no-cache') && fieldNamesOf(directives, 'no-cache').length === 0,
    neverStale: has('must-revalidate', 'proxy-revalidate', 's-maxage'),
    staleWhileRevalidate:
      has('stale-while-revalidate') || !takesDefaultTtl(arrived, control)
        ? seconds('stale-while-revalidate')
        : (rules.staleSeconds ?? 0),
    staleIfError: seconds('stale-if-error'),
    // A handler that sets `must-revalidate` alone has given the response no lifetime for everybody.
    forAuthorized: has('public', 's-maxage') || (has('must-revalidate') && !isImplied),
    isImplied,
  };
  const isPersonal = request.authorization !== undefined && !rules.ignoresCredentials;
  if (isPersonal && !terms.forAuthorized) return 'authorization';
  return isUseful(terms, arrived, control) ? terms : 'not-fresh';
}

// Incomplete responses, and those that no cache may store, whatever they say of themselves (RFC 6585 §3 to §6).
const NEVER_STORED = new Set([206, 304, 428, 429, 431, 511]);

function refusalOf(
  { status, fields }: Arrived,
  { directives }: ResponseDirectives,
): StoringRefusal | undefined {
  if (status < 200 || NEVER_STORED.has(status)) return 'status';
  if (directives.has('must-understand')) {
    if (!UNDERSTOOD.has(status)) return 'must-understand';
  } else if (directives.has('no-store')) return 'no-store';
  if (directives.has('private') && fieldNamesOf(directives, 'private').length === 0) return 'private';
  if (fields['set-cookie'] !== undefined) return 'set-cookie';
  if (ENDLESS.test(combined(fields, 'content-type') ?? '')) return 'stream';
  const vary = varyNames(fields);
  if (vary === undefined) return 'vary';
  // Its bytes are of use only to who has the dictionary (RFC 9842).
  const needsDictionary = namesIn(fields, 'content-encoding').some((coding) =>
    DICTIONARY_CODINGS.has(coding),
  );
  return needsDictionary && !DICTIONARY_VARY.every((name) => vary.includes(name)) ? 'vary' : undefined;
}

// A response that is stale from the beginning is stored only if it says so itself and can be validated.
function isUseful(terms: Terms, { fields }: Arrived, control: ResponseDirectives): boolean {
  const canBeValidated = Object.keys(validatorsOf(fields)).length > 0;
  const tolerance = terms.staleWhileRevalidate + terms.staleIfError;
  if (!terms.validateAlways && terms.lifetime + tolerance > terms.ageThen) return true;
  return canBeValidated && hasOwnFreshness(fields, control);
}

export function ageAt(terms: Terms, nowMs: number): number {
  return terms.ageThen + Math.max(0, nowMs - terms.thenMs) / 1000;
}

/** For how long from now on the response may still be of use, in milliseconds. */
export function keepForMs(terms: Terms, fields: Fields, nowMs: number): number {
  const canBeValidated = Object.keys(validatorsOf(fields)).length > 0;
  const mayBeStale = !terms.neverStale && !terms.validateAlways;
  const { least, most } = KEPT_STALE_SECONDS;
  const kept = canBeValidated || mayBeStale ? Math.min(most, Math.max(least, terms.lifetime)) : 0;
  const stale = Math.max(kept, terms.staleWhileRevalidate, terms.staleIfError);
  return (Math.max(0, terms.lifetime - ageAt(terms, nowMs)) + stale) * 1000;
}
