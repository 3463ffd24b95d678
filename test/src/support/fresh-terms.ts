import type { Terms } from '../../../src/http/storing.js';

/** For entries whose storing terms the test does not ask about: fresh for a minute, nothing else granted. */
export const terms: Terms = {
  thenMs: 0,
  ageThen: 0,
  lifetime: 60,
  cost: 0,
  validateAlways: false,
  neverStale: false,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  forAuthorized: false,
  isImplied: false,
};
