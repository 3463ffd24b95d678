import { onAbort } from '../listeners.js';
import { linkTo, type RedisClient, unavailable } from '../redis/index.js';
import { clearTimeout, setTimeout } from '../timers.js';
import { subscriberConnectionOf } from './subscriber-connection.js';

/** A timer may fire a millisecond early, and a key may outlive its expiry by a part of one. */
export const EXPIRED_AFTER_MS = 2;

/** The releases of a lock, or of the lease of a cache fill, as this process hears of them. */
export interface Releases {
  /** Whether Redis has acknowledged the subscription. */
  readonly isListening: boolean;
  /** Whether a release at this moment would also be heard. */
  readonly isHearing: boolean;
  /** @throws ToolkitError `REDIS_UNAVAILABLE`, `REDIS_MISCONFIGURED` (as rejections) */
  listen(): Promise<void>;
  /** Resolves at the next release, or when a release may have been missed. For one waiter at a time. */
  next(): Promise<void>;
  /** Aborted, with `REDIS_UNAVAILABLE` as its reason, when the client is closed for good. */
  readonly closed: AbortSignal;
  stop(): void;
}

export function releasesOn(redis: RedisClient, channel: string): Releases {
  const over = new AbortController();
  const connection = subscriberConnectionOf(redis);
  const closed = new AbortController();
  const close = () => closed.abort(unavailable('the client was closed'));
  over.signal.addEventListener('abort', connection.onClosed(close));
  // A connection that is made after the end of the client reports no end.
  if (linkTo(redis).closedByOwner) close();
  let isListening = false;
  let resolveNext = () => {};
  const onRelease = () => resolveNext();

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
      // A release before the subscription was not heard.
      onRelease();
    },
    next() {
      return new Promise((resolve) => {
        resolveNext = resolve;
      });
    },
    closed: closed.signal,
    stop: () => over.abort(),
  };
}

/** Whether the event came within the time. Rejects with the reason of the first signal that is aborted. */
export function settlesWithin(
  ms: number,
  event: Promise<void>,
  ...signals: (AbortSignal | undefined)[]
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (report: () => void) => {
      clearTimeout(timer);
      for (const remove of removals) remove();
      report();
    };
    const abort = () => settle(() => reject(signals.find((signal) => signal?.aborted)?.reason as Error));
    const timer = setTimeout(() => settle(() => resolve(false)), Math.ceil(ms));
    const removals = signals.map((signal) => onAbort(signal, abort));
    if (signals.some((signal) => signal?.aborted)) return abort();
    event.then(
      () => settle(() => resolve(true)),
      (error: unknown) => settle(() => reject(error as Error)),
    );
  });
}
