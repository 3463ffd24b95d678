import { publish } from '../diagnostics.js';
import { isUnavailable } from '../errors.js';
import { monotonicNow } from '../timers.js';
import type { ValueStoredEvent } from '../value-and-lock-events.js';

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

export function publishLoad(key: string, failed: boolean, began: number): void {
  publish('value-loaded', () => ({ key, failed, durationMs: monotonicNow() - began }));
}

/** Publishes how storing a value ended, once. */
export async function publishingStore(
  key: string,
  storing: () => Promise<Exclude<ValueStoredEvent['outcome'], 'unavailable'>>,
): Promise<ValueStoredEvent['outcome']> {
  const began = monotonicNow();
  const ended = <Outcome extends ValueStoredEvent['outcome']>(outcome: Outcome) => {
    publish('value-stored', () => ({ key, outcome, durationMs: monotonicNow() - began }));
    return outcome;
  };
  try {
    return ended(await storing());
  } catch (error) {
    if (isUnavailable(error)) ended('unavailable');
    throw error;
  }
}
