import type { RedisClient } from '../redis/connect.js';
import { subscriberConnectionOf } from './subscriber-connection.js';

/** What a process hears of something that others release: a lock, or the lease of a cache fill. */
export interface Releases {
  /** Whether Redis has acknowledged the subscription. */
  readonly isListening: boolean;
  /** Whether a release would be heard, too. */
  readonly isHearing: boolean;
  /** @throws ToolkitError `REDIS_UNAVAILABLE`, `REDIS_COMMAND_FAILED` (as rejections) */
  listen(): Promise<void>;
  /** Resolves at the next release, or when one may have gone unheard. For one who waits at a time. */
  next(): Promise<void>;
  stop(): void;
}

export function releasesOn(redis: RedisClient, channel: string): Releases {
  const over = new AbortController();
  const connection = subscriberConnectionOf(redis);
  let isListening = false;
  let tell = () => {};
  const onRelease = () => tell();

  return {
    get isListening() {
      return isListening;
    },
    get isHearing() {
      return isListening && connection.isHealthy();
    },
    async listen() {
      await connection.listen(channel, onRelease, { signal: over.signal });
      isListening = true;
      for (const stop of [connection.onGap(onRelease), connection.onRestored(onRelease)]) {
        over.signal.addEventListener('abort', stop);
      }
      // What was released before the subscription.
      onRelease();
    },
    next() {
      return new Promise((resolve) => {
        tell = resolve;
      });
    },
    stop: () => over.abort(),
  };
}
