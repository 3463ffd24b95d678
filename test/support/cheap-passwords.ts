import type { PasswordCost } from '../../server/password.js';

/** For tests that ask nothing of the hash: one of the server's costs takes 0.3 s of CPU. */
export const CHEAP: PasswordCost = { N: 2 ** 10, r: 8, p: 1 };
