import { publish } from '../diagnostics.js';
import { monotonicNow } from '../timers.js';

/** Publishes what a caller found, once per call. */
export function publishLookup(
  key: string,
  found: { readonly isFresh: boolean } | 'away' | undefined,
  askedAt: number,
): void {
  const unavailable = found === 'away';
  const value = found === 'away' ? undefined : found;
  const stale = value?.isFresh === false;
  publish(value ? 'value-hit' : 'value-miss', () => ({
    key,
    stale,
    unavailable,
    durationMs: monotonicNow() - askedAt,
  }));
}
