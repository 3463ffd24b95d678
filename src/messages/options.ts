import type { ToolkitError } from '../errors.js';
import type { Logger } from '../logger.js';
import { aFunction, anAbortSignal, aPositiveInteger, connectionChecks, oneOf } from '../read-options.js';

/** Options of `publisher`. */
export interface PublisherOptions {
  /**
   * Largest size of a message, in bytes of JSON.
   * @default 65536
   */
  readonly maxBytes?: number;
  /**
   * Milliseconds to wait for Redis.
   * @default 250
   */
  readonly timeoutMs?: number;
  /**
   * Put in front of every channel name in Redis. Give `subscriber` the same.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Receives one message per outage.
   * @default console
   */
  readonly logger?: Logger;
}

/** Options of `subscriber`. */
export interface SubscriberOptions {
  /**
   * Called for each message that is not JSON, each handler that failed and each event that was dropped, with the
   * channel, and for each gap when there is no `onGap` listener. With `onError` these are not logged.
   * @default `logger`, at most once in 10 seconds per code
   */
  readonly onError?: (error: ToolkitError, channel?: string) => void;
  /**
   * Milliseconds to wait for Redis to acknowledge a subscription.
   * @default 1000
   */
  readonly timeoutMs?: number;
  /**
   * Put in front of every channel name in Redis. Give `publisher` the same.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Receives one message per outage, and the failures that `onError` would receive.
   * @default console
   */
  readonly logger?: Logger;
}

/** How long a handler listens. */
export interface ListenerOptions {
  /**
   * Stops the listening when aborted.
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
   * Largest number of events that are kept until the loop takes them.
   * @default 1000
   */
  readonly maxBuffered?: number;
  /**
   * When one event more arrives: `drop-oldest` drops the oldest and reports `EVENTS_DROPPED`; `error` ends the loop with
   * `EVENTS_OVERFLOW` after the events that were kept.
   * @default 'drop-oldest'
   */
  readonly whenFull?: 'drop-oldest' | 'error';
}

export const publisherDefaults = { maxBytes: 65_536, timeoutMs: 250, prefix: '' } satisfies PublisherOptions;
export const subscriberDefaults = { timeoutMs: 1_000, prefix: '' } satisfies SubscriberOptions;
export const eventsDefaults = { maxBuffered: 1_000, whenFull: 'drop-oldest' } satisfies EventsOptions;

export const publisherChecks = {
  ...connectionChecks,
  // The largest value that Redis accepts.
  maxBytes: aPositiveInteger('bytes', 512 * 1024 * 1024),
};
export const subscriberChecks = { ...connectionChecks, onError: aFunction };
export const listenerChecks = { signal: anAbortSignal };
export const eventsChecks = {
  signal: anAbortSignal,
  maxBuffered: aPositiveInteger('events'),
  whenFull: oneOf('drop-oldest', 'error'),
};
