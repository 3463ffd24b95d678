export { type AuditEvent, audit, type EndedAction, noting } from './audit.js';
export { diagnose } from './doctor.js';
export { findLocks } from './find-locks.js';
export type { ClientState } from './limit-actions.js';
export { type Operations, operations } from './operations.js';
export type { Overview } from './overview.js';
export { messageWithCause } from './with-cause.js';
