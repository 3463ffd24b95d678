import type { ToolkitError } from '../errors.js';
import type { Logger } from '../logger.js';
import { aFunction, anAbortSignal, aPositiveInteger, connectionChecks, oneOf } from '../read-options.js';

/** Options of `publisher`. */
export interface PublisherOptions {
  /**
   * Bytes of JSON that a message may have.
   * @default 65536
   */
  readonly maxBytes?: number;
  /**
   * Milliseconds to wait for Redis.
   * @default 250
   */
  readonly timeoutMs?: number;
  /**
   * In front of every channel in Redis; the same as `subscriber` has.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Told of outages.
   * @default console
   */
  readonly logger?: Logger;
}

/** Options of `subscriber`. */
export interface SubscriberOptions {
  /**
   * Called for each message that is not JSON, handler that failed and event that was dropped, with the channel, and
   * for each gap that no `onGap` is told of. Nothing of it is logged then.
   * @default `logger`, at most once in 10 seconds per code
   */
  readonly onError?: (error: ToolkitError, channel?: string) => void;
  /**
   * Milliseconds to wait for Redis to acknowledge a subscription.
   * @default 1000
   */
  readonly timeoutMs?: number;
  /**
   * In front of every channel in Redis; the same as `publisher` has.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Told of outages, and of what `onError` would be told.
   * @default console
   */
  readonly logger?: Logger;
}

/** How long a handler listens. */
export interface ListenerOptions {
  /**
   * Ends the listening when aborted.
   * @default until it is stopped
   */
  readonly signal?: AbortSignal;
}

/** Options of `subscriber.events`. */
export interface EventsOptions {
  /**
   * Ends the loop when aborted, as `break` would.
   * @default until the loop is left
   */
  readonly signal?: AbortSignal;
  /**
   * Events that wait for the loop to take them.
   * @default 1000
   */
  readonly maxBuffered?: number;
  /**
   * When one more arrives: drop the oldest and report `EVENTS_DROPPED`, or keep those that wait and end the loop after
   * them with `EVENTS_OVERFLOW`.
   * @default 'drop-oldest'
   */
  readonly whenFull?: 'drop-oldest' | 'error';
}

export const publisherDefaults = { maxBytes: 65_536, timeoutMs: 250, prefix: '' } satisfies PublisherOptions;
export const subscriberDefaults = { timeoutMs: 1_000, prefix: '' } satisfies SubscriberOptions;
export const eventsDefaults = { maxBuffered: 1_000, whenFull: 'drop-oldest' } satisfies EventsOptions;

export const publisherChecks = {
  ...connectionChecks,
  // What Redis takes as one value.
  maxBytes: aPositiveInteger('bytes', 512 * 1024 * 1024),
};
export const subscriberChecks = { ...connectionChecks, onError: aFunction };
export const listenerChecks = { signal: anAbortSignal };
export const eventsChecks = {
  signal: anAbortSignal,
  maxBuffered: aPositiveInteger('events'),
  whenFull: oneOf('drop-oldest', 'error'),
};
