export { type OpsAuthorization, type OpsAuthorize, type OpsOptions, ops } from './middleware/ops/index.js';
export type { AuditEvent } from './src/operations/index.js';
