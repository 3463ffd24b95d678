import type { LockOptions } from '../../src/locks/options.js';
import { type LockHold, withLock } from '../../src/locks/with-lock.js';
import type { RedisClient } from '../../src/redis/connect.js';
import { gate } from './gate.js';

/** Holds a lock until `release` is called, which tells how `withLock` ended. */
export async function holdLock(redis: RedisClient, resource: string, options: LockOptions) {
  const [entered, done] = [gate<LockHold>(), gate()];
  const ended = withLock(redis, resource, options, async (hold) => {
    entered.open(hold);
    await done.passed;
    return 'done';
  });
  ended.catch(entered.fail);
  return {
    ...(await entered.passed),
    release() {
      done.open();
      return ended;
    },
  };
}
