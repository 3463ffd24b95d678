import { cacheControlOf, type Directives, secondsOf } from './cache-control.js';
import { isDueEarly } from './early-refresh.js';
import { combined, type Fields } from './fields.js';
import { ageAt, type Terms } from './storing.js';

/** How a stored response may be used for a request (RFC 9111 §4). */
export type Reuse =
  | 'serve'
  /** Serve it, and refresh it in the background: within stale-while-revalidate, or soon stale (RFC 5861 §3). */
  | 'serve-and-refresh'
  /** The request asks for a fresher response. */
  | 'request'
  | 'stale';

const NONE: Directives = new Map();

/** The directives of the request; `Pragma: no-cache` is an old form of `no-cache` (RFC 9111 §5.4). */
export function requestDirectives(request: Fields): Directives {
  if (request['cache-control'] !== undefined) return cacheControlOf(request);
  if (request.pragma === undefined) return NONE;
  const pragma = (combined(request, 'pragma') ?? '').toLowerCase().split(',');
  return new Map(pragma.some((member) => member.trim() === 'no-cache') ? [['no-cache', true]] : []);
}

export function reuseOf(terms: Terms, wanted: Directives, nowMs: number, eagerness = 0): Reuse {
  const age = ageAt(terms, nowMs);
  const left = terms.lifetime - age;
  if (wanted.has('no-cache') || age > (secondsOf(wanted, 'max-age') ?? Number.POSITIVE_INFINITY))
    return 'request';
  if (terms.validateAlways) return 'stale';
  if (left > 0) {
    if (left < (secondsOf(wanted, 'min-fresh') || 0)) return 'request';
    return isDueEarly({ left, cost: terms.cost }, eagerness) ? 'serve-and-refresh' : 'serve';
  }
  if (terms.neverStale) return 'stale';
  if (-left < terms.staleWhileRevalidate) return 'serve-and-refresh';
  const patience =
    wanted.get('max-stale') === true ? Number.POSITIVE_INFINITY : secondsOf(wanted, 'max-stale') || 0;
  return -left < patience ? 'serve' : 'stale';
}

// With these statuses a gateway says that it cannot reach its origin: the cache is disconnected (RFC 9111 §4.2.4).
const DISCONNECTED = new Set([502, 504]);
const FAILED = new Set([500, 502, 503, 504]);

/** Whether a stale response may replace an error (RFC 5861 §4, RFC 9111 §4.2.4). */
export function mayReplaceError(status: number, terms: Terms, wanted: Directives, nowMs: number): boolean {
  if (terms.neverStale || terms.validateAlways || wanted.has('no-cache')) return false;
  const staleFor = ageAt(terms, nowMs) - terms.lifetime;
  const tolerance = Math.max(terms.staleIfError, secondsOf(wanted, 'stale-if-error') || 0);
  return DISCONNECTED.has(status) || (FAILED.has(status) && staleFor < tolerance);
}

/** Whether the stored response itself allows that it replaces an error (RFC 5861 §4), whatever the request says. */
export function errorIsTolerated(status: number, terms: Terms, nowMs: number): boolean {
  if (terms.neverStale || terms.validateAlways || terms.staleIfError === 0) return false;
  return FAILED.has(status) && ageAt(terms, nowMs) - terms.lifetime < terms.staleIfError;
}
