import { randomBytes } from 'node:crypto';

/** Unique, never a counter: a counter that was evicted and began again could match an old entry. */
export const freshVersion = (): string => randomBytes(9).toString('base64url');
