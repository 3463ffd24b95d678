import { publish } from '../diagnostics.js';
import type { SessionSavedEvent } from '../request-events.js';
import { monotonicNow } from '../timers.js';

export function publishLoaded(handle: string, found: boolean, began: number, request?: object): void {
  publish('session-loaded', () => ({ handle, found, durationMs: monotonicNow() - began }), request);
}

export function publishSaved(
  handle: string,
  outcome: SessionSavedEvent['outcome'],
  began: number,
  request?: object,
): void {
  publish('session-saved', () => ({ handle, outcome, durationMs: monotonicNow() - began }), request);
}

export function publishEnded(handle: string, began: number, request?: object): void {
  publish('session-destroyed', () => ({ handle, durationMs: monotonicNow() - began }), request);
}
