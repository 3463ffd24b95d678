export { idempotent } from './idempotent.js';
export type { IdempotencyScope, IdempotentOptions } from './options.js';
export type { Idempotency } from './request-idempotency.js';
