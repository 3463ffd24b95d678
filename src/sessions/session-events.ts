import type { SessionSavedEvent } from '../diagnostic-events.js';
import { type DiagnosticName, isObserved, publish } from '../diagnostics.js';
import { monotonicNow } from '../timers.js';

/** The monotonic clock; nobody looks at it without a subscriber. */
export const clockOf = (name: DiagnosticName): number => (isObserved(name) ? monotonicNow() : 0);

export function publishLoaded(handle: string, found: boolean, began: number, request?: object): void {
  publish('session-loaded', () => ({ handle, found, durationMs: monotonicNow() - began }), request);
}

export function publishSaved(handle: string, outcome: SessionSavedEvent['outcome'], began: number): void {
  publish('session-saved', () => ({ handle, outcome, durationMs: monotonicNow() - began }));
}
