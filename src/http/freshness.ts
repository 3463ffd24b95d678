import { type ResponseDirectives, secondsOf } from './cache-control.js';
import { combined, deltaSeconds, type Fields, linesOf, splitList } from './fields.js';
import { parseHttpDate } from './http-date.js';

const LONGEST_HEURISTIC_SECONDS = 86_400;
// RFC 9110 §15.1; a 206 is never stored here.
const HEURISTICALLY_CACHEABLE = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
// The statuses to which `ttlSeconds` applies. Errors and "not found" are cached only when the handler says so.
const STATUSES_WITH_DEFAULT_TTL = new Set([200, 203, 204, 301, 308]);

/** A response as it arrived. Times are in milliseconds since the epoch. */
export interface Arrived {
  readonly status: number;
  readonly fields: Fields;
  readonly requestedAt: number;
  readonly receivedAt: number;
}

/** The age of a response when it arrived (RFC 9111 §4.2.3), in seconds. */
export function initialAge({ fields, requestedAt, receivedAt }: Arrived): number {
  const date = dateOf(fields, receivedAt);
  const apparent = Math.max(0, receivedAt - date) / 1000;
  const delay = (receivedAt - requestedAt) / 1000;
  return Math.max(apparent, statedAge(fields) + delay);
}

// §5.1: the first member of a list counts; a value that is not a number is ignored.
function statedAge(fields: Fields): number {
  return deltaSeconds(splitList(combined(fields, 'age') ?? '')[0]) || 0;
}

/** The `Date` of a response; the time of its arrival if it has no valid one. */
function dateOf(fields: Fields, receivedAt: number): number {
  return parseHttpDate(linesOf(fields, 'date')[0]) || receivedAt;
}

/** Whether the response itself says how long it is fresh. */
export function hasOwnFreshness(fields: Fields, { directives, isTargeted }: ResponseDirectives): boolean {
  const named = ['max-age', 's-maxage', 'no-cache', 'no-store', 'private'].some((name) =>
    directives.has(name),
  );
  return named || (!isTargeted && fields.expires !== undefined);
}

/** Whether `ttlSeconds` says how long the response is fresh, if it is given. */
export function takesDefaultTtl({ status, fields }: Arrived, control: ResponseDirectives): boolean {
  return STATUSES_WITH_DEFAULT_TTL.has(status) && !hasOwnFreshness(fields, control);
}

/** For how many seconds after its generation the response is fresh in a shared cache (RFC 9111 §4.2.1). */
export function freshnessLifetime(
  arrived: Arrived,
  control: ResponseDirectives,
  ttlSeconds: number | undefined,
): number {
  const { status, fields } = arrived;
  for (const name of ['s-maxage', 'max-age']) {
    // A response with a malformed lifetime is stale (§4.2.1).
    const seconds = secondsOf(control.directives, name);
    if (seconds !== undefined) return seconds || 0;
  }
  if (!control.isTargeted && fields.expires !== undefined) return lifetimeByExpires(arrived);
  if (hasOwnFreshness(fields, control)) return 0;
  if (ttlSeconds !== undefined && takesDefaultTtl(arrived, control)) return ttlSeconds;
  const mayGuess = HEURISTICALLY_CACHEABLE.has(status) || control.directives.has('public');
  return mayGuess ? heuristicLifetime(arrived) : 0;
}

// §5.3: an invalid date, such as "0", counts as the past, and so do several dates.
function lifetimeByExpires({ fields, receivedAt }: Arrived): number {
  const [first, ...more] = linesOf(fields, 'expires');
  const expires = more.length === 0 ? parseHttpDate(first) : Number.NaN;
  return Math.max(0, (expires - dateOf(fields, receivedAt)) / 1000) || 0;
}

// §4.2.2: a tenth of the time since the last modification.
function heuristicLifetime({ fields, receivedAt }: Arrived): number {
  const modified = parseHttpDate(linesOf(fields, 'last-modified')[0]);
  const seconds = (dateOf(fields, receivedAt) - modified) / 10_000;
  return Math.min(Math.max(0, seconds) || 0, LONGEST_HEURISTIC_SECONDS);
}
