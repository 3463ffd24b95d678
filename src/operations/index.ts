export { type AuditEvent, audit } from './audit.js';
export type { PurgeTargets } from './cache-actions.js';
export { type Operations, operations } from './operations.js';
export type { Overview } from './overview.js';
