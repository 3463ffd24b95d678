import type { RedisClient } from './client.js';

/** Clears a part of this process' memory. May wait first for work that would fill it again. */
type Forget = () => unknown;

// On the client and not in a map of this module: a test runner may load the toolkit twice.
const FORGETTERS = Symbol.for('express-redis-toolkit.forgetters');

interface ClientForTests {
  [FORGETTERS]?: Forget[];
}

/**
 * Has the function called when a test empties the client's Redis. Only a client that `testRedis` made collects such
 * functions: in production nothing is kept alive.
 */
export function whenReset(redis: RedisClient, forget: Forget): void {
  (redis as ClientForTests)[FORGETTERS]?.push(forget);
}

/** Has the client collect these functions from now on. Returns a function that calls all of them. */
export function collectForgetters(redis: RedisClient): () => Promise<void> {
  const forgetters: Forget[] = [];
  (redis as ClientForTests)[FORGETTERS] = forgetters;
  return async () => {
    await Promise.all(forgetters.map((forget) => forget()));
  };
}
