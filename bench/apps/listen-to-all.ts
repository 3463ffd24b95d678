import { subscribe } from 'node:diagnostics_channel';
import type { DiagnosticName } from '../../index.js';

const NAMES: Readonly<Record<DiagnosticName, true>> = {
  admitted: true,
  refused: true,
  'dry-run': true,
  uncounted: true,
  refunded: true,
  hit: true,
  miss: true,
  bypassed: true,
  filled: true,
  purged: true,
  'session-loaded': true,
  'session-saved': true,
  'session-destroyed': true,
  'session-lost': true,
  idempotency: true,
  'value-hit': true,
  'value-miss': true,
  'value-loaded': true,
  'value-stored': true,
  'lock-acquired': true,
  'lock-released': true,
  'lock-refused': true,
  unavailable: true,
  recovered: true,
  fallback: true,
  audit: true,
};

/** Subscribes to each channel of the toolkit with a listener that does nothing: what is left is the cost of the events. */
export function listenToAll(): void {
  for (const name of Object.keys(NAMES)) subscribe(`express-redis-toolkit:${name}`, () => undefined);
}
