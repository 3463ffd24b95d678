export { locksHeldBy } from './held-locks.js';
export type { LockOptions } from './options.js';
export { type LockHold, withLock } from './with-lock.js';
