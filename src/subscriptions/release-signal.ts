import type { RedisClient } from '../redis/index.js';
import { subscriberConnectionOf } from './subscriber-connection.js';

/** Timers may fire a millisecond early, and a key outlives its expiry by a part of one. */
export const EXPIRED_AFTER_MS = 2;

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

/** Whether it came in time. Rejects with the signal's reason when that is aborted. */
export function settlesWithin(ms: number, event: Promise<void>, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (tell: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      tell();
    };
    const abort = () => settle(() => reject(signal?.reason as Error));
    const timer = setTimeout(() => settle(() => resolve(false)), Math.ceil(ms));
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort);
    event.then(
      () => settle(() => resolve(true)),
      (error: unknown) => settle(() => reject(error as Error)),
    );
  });
}
