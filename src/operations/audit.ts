import { publish } from '../diagnostics.js';

const KEPT = 20;

/** An action of an operator: published on `diagnostics_channel` as `express-redis-toolkit:audit`. */
export interface AuditEvent {
  readonly action: string;
  /** The person, as `authorize` named them. */
  readonly actor: string;
  /** When, in ISO 8601. */
  readonly at: string;
  readonly outcome: 'done' | 'failed';
  /** The action was asked for on this: a client, a user, tags. */
  readonly on: Readonly<Record<string, unknown>>;
}

const recent: AuditEvent[] = [];

/** Publishes an action, and keeps the last ones for whoever looks. */
export function audit(event: Omit<AuditEvent, 'at'>): void {
  const dated = { ...event, at: new Date().toISOString() };
  recent.unshift(dated);
  recent.length = Math.min(recent.length, KEPT);
  publish('audit', () => dated);
}

/** The last actions of this process, the newest first. */
export const recentActions = (): readonly AuditEvent[] => recent;
