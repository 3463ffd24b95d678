import { type Channel, channel } from 'node:diagnostics_channel';
import type {
  CacheEvent,
  FilledEvent,
  IdempotencyEvent,
  LimitEvent,
  PurgedEvent,
  RefundedEvent,
  SessionDestroyedEvent,
  SessionLoadedEvent,
  SessionLostEvent,
  SessionSavedEvent,
  UncountedEvent,
} from './request-events.js';
import { monotonicNow } from './timers.js';
import type {
  AuditEvent,
  FallbackEvent,
  LockAcquiredEvent,
  LockRefusedEvent,
  LockReleasedEvent,
  RecoveredEvent,
  UnavailableEvent,
  ValueEvent,
  ValueLoadedEvent,
  ValueStoredEvent,
} from './value-and-lock-events.js';

/** The event of each channel `express-redis-toolkit:<name>`. */
export interface DiagnosticEvents {
  admitted: LimitEvent;
  refused: LimitEvent;
  'dry-run': LimitEvent;
  uncounted: UncountedEvent;
  refunded: RefundedEvent;
  hit: CacheEvent;
  miss: CacheEvent;
  bypassed: CacheEvent;
  filled: FilledEvent;
  purged: PurgedEvent;
  'session-loaded': SessionLoadedEvent;
  'session-saved': SessionSavedEvent;
  'session-destroyed': SessionDestroyedEvent;
  'session-lost': SessionLostEvent;
  idempotency: IdempotencyEvent;
  'value-hit': ValueEvent;
  'value-miss': ValueEvent;
  'value-loaded': ValueLoadedEvent;
  'value-stored': ValueStoredEvent;
  'lock-acquired': LockAcquiredEvent;
  'lock-released': LockReleasedEvent;
  'lock-refused': LockRefusedEvent;
  unavailable: UnavailableEvent;
  recovered: RecoveredEvent;
  fallback: FallbackEvent;
  audit: AuditEvent;
}

export type DiagnosticName = keyof DiagnosticEvents;

const channels: Readonly<Record<DiagnosticName, Channel>> = {
  admitted: channel('express-redis-toolkit:admitted'),
  refused: channel('express-redis-toolkit:refused'),
  'dry-run': channel('express-redis-toolkit:dry-run'),
  uncounted: channel('express-redis-toolkit:uncounted'),
  refunded: channel('express-redis-toolkit:refunded'),
  hit: channel('express-redis-toolkit:hit'),
  miss: channel('express-redis-toolkit:miss'),
  bypassed: channel('express-redis-toolkit:bypassed'),
  filled: channel('express-redis-toolkit:filled'),
  purged: channel('express-redis-toolkit:purged'),
  'session-loaded': channel('express-redis-toolkit:session-loaded'),
  'session-saved': channel('express-redis-toolkit:session-saved'),
  'session-destroyed': channel('express-redis-toolkit:session-destroyed'),
  'session-lost': channel('express-redis-toolkit:session-lost'),
  idempotency: channel('express-redis-toolkit:idempotency'),
  'value-hit': channel('express-redis-toolkit:value-hit'),
  'value-miss': channel('express-redis-toolkit:value-miss'),
  'value-loaded': channel('express-redis-toolkit:value-loaded'),
  'value-stored': channel('express-redis-toolkit:value-stored'),
  'lock-acquired': channel('express-redis-toolkit:lock-acquired'),
  'lock-released': channel('express-redis-toolkit:lock-released'),
  'lock-refused': channel('express-redis-toolkit:lock-refused'),
  unavailable: channel('express-redis-toolkit:unavailable'),
  recovered: channel('express-redis-toolkit:recovered'),
  fallback: channel('express-redis-toolkit:fallback'),
  audit: channel('express-redis-toolkit:audit'),
};

/** Whether anybody listens: then it is worth looking at the clock. */
export const isObserved = (name: DiagnosticName): boolean => channels[name].hasSubscribers;

/** The monotonic clock; nobody looks at it without a subscriber. */
export const clockFor = (name: DiagnosticName): number => (isObserved(name) ? monotonicNow() : 0);

/**
 * Publishes an event on Node's `diagnostics_channel` (`express-redis-toolkit:<name>`).
 * A function makes it, so that nothing is built without a subscriber.
 */
export function publish<Name extends DiagnosticName>(
  name: Name,
  details: () => DiagnosticEvents[Name],
  request?: object,
): void {
  const target = channels[name];
  if (!target.hasSubscribers) return;
  const event = details();
  target.publish(request ? ofRequest(event, request) : event);
}

/** Calls the listener with each event of a channel. Returns a function that ends it. */
export function listenTo<Name extends DiagnosticName>(
  name: Name,
  listener: (event: DiagnosticEvents[Name]) => void,
): () => void {
  const onMessage = (event: unknown) => listener(event as DiagnosticEvents[Name]);
  channels[name].subscribe(onMessage);
  return () => void channels[name].unsubscribe(onMessage);
}

function ofRequest(event: object, request: object): object {
  const { path } = (request as { route?: { path?: unknown } }).route ?? {};
  const routed = path === undefined ? event : { ...event, route: String(path) };
  return Object.defineProperty(routed, 'request', { value: request });
}
