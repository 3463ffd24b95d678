import type { RedisClient } from './redis.js';
import { subscriberConnectionOf } from './subscriber-connection.js';

/** What a process hears of a lock that others release. */
export interface LockReleases {
  readonly isListening: boolean;
  /** @throws ToolkitError `REDIS_UNAVAILABLE`, `REDIS_COMMAND_FAILED` (as rejections) */
  listen(): Promise<void>;
  /** Resolves at the next release, or when one may have gone unheard. For one who waits at a time. */
  next(): Promise<void>;
  stop(): void;
}

export function lockReleases(redis: RedisClient, channel: string): LockReleases {
  const over = new AbortController();
  let isListening = false;
  let tell = () => {};
  const onRelease = () => tell();

  return {
    get isListening() {
      return isListening;
    },
    async listen() {
      const connection = subscriberConnectionOf(redis);
      await connection.listen(channel, onRelease, { signal: over.signal });
      isListening = true;
      over.signal.addEventListener('abort', connection.onRestored(onRelease));
    },
    next() {
      return new Promise((resolve) => {
        tell = resolve;
      });
    },
    stop: () => over.abort(),
  };
}
