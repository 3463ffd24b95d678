import type { Redis } from 'ioredis';
import { addListener } from '../../listeners.js';
import { clearInterval, monotonicNow, setInterval } from '../../timers.js';

const LOOK_EVERY_MS = 50;

/**
 * Whether a client that is connecting becomes ready before it stands still for `patienceMs`. A TLS handshake over a slow
 * link may take longer than the patience: the wait goes on as long as bytes arrive.
 */
export function becomesReady(redis: Redis, patienceMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    let seen = '';
    let seenAt = 0;
    const look = () => {
      const progress = `${redis.status} ${redis.stream?.bytesRead}`;
      if (progress !== seen) seenAt = monotonicNow();
      seen = progress;
      if (monotonicNow() - seenAt > patienceMs) done();
    };
    const done = () => {
      clearInterval(timer);
      for (const remove of listeners) remove();
      resolve(redis.status === 'ready');
    };
    const timer = setInterval(look, LOOK_EVERY_MS);
    timer.unref();
    const listeners = [addListener(redis, 'ready', done), addListener(redis, 'close', done)];
    look();
  });
}
