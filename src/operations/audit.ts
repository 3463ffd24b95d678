import { publish } from '../diagnostics.js';
import type { AuditEvent } from '../work-events.js';

export type { AuditEvent };

const KEPT = 20;

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
