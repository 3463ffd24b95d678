import { ToolkitError } from '../errors.js';
import { aFunction, readOptions } from '../read-options.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { subscriberConnectionOf } from '../subscriptions/index.js';
import { checkChannel } from './channel-name.js';
import { type ChannelOrPattern, callSafely, MessageDelivery, type Receive } from './delivery.js';
import { type EventStream, eventStream } from './event-stream.js';
import { messageFailures } from './failures.js';
import {
  type EventsOptions,
  type ListenerOptions,
  listenerChecks,
  type SubscriberOptions,
  subscriberChecks,
  subscriberDefaults,
} from './options.js';

/** Receives messages, typed by channel. */
export interface Subscriber<Channels extends object = Record<string, unknown>> {
  /**
   * Calls the handler with each event of a channel, in the order in which they were published. The next event does not
   * wait for a promise that the handler returns; a rejection is reported like a throw. Resolves when Redis has
   * acknowledged the subscription, with a function that stops it.
   *
   * @throws ToolkitError as a rejection: `CHANNEL_INVALID`, `OPTION_INVALID`; `REDIS_UNAVAILABLE`, and then the handler
   * is called as soon as Redis is back, unless its `signal` was aborted or the subscriber closed;
   * `REDIS_MISCONFIGURED` when an ACL forbids the channel
   */
  on<Channel extends keyof Channels & string>(
    channel: Channel,
    handler: (event: Channels[Channel], channel: Channel) => unknown,
    options?: ListenerOptions,
  ): Promise<() => void>;
  /** The same for all channels that match a glob pattern (`orders:*`), except the toolkit's own. */
  onPattern(
    pattern: string,
    handler: (event: Channels[keyof Channels], channel: string) => unknown,
    options?: ListenerOptions,
  ): Promise<() => void>;
  /**
   * The events of a channel for one `for await` loop, from this call on until the loop is left. While the loop is
   * busy, up to `maxBuffered` events are kept for it.
   *
   * @throws ToolkitError `CHANNEL_INVALID`, `OPTION_INVALID`, `OPTION_UNKNOWN`; in the loop `REDIS_UNAVAILABLE`,
   * `REDIS_MISCONFIGURED`, `EVENTS_OVERFLOW`
   */
  events<Channel extends keyof Channels & string>(
    channel: Channel,
    options?: EventsOptions,
  ): EventStream<Channels[Channel]>;
  /**
   * Called when the subscriber listens again after its connection was lost: events of the last `sinceMs` milliseconds
   * may never arrive. The place to read the state again. Returns a function that removes the listener.
   */
  onGap(report: (gap: { sinceMs: number }) => void): () => void;
  /** Stops all handlers and ends all loops, as `closeRedis` does. Other subscribers keep the shared connection. */
  close(): void;
}

/**
 * Receives the events of `publisher`, on one connection for all subscribers of a client. It subscribes again by itself
 * after a lost connection. Events that were published during that time are lost, and `onGap` reports it.
 *
 * @example
 * const listening = subscriber<{ orders: { id: string } }>(redis);
 * for await (const order of listening.events('orders', { signal })) await ship(order.id);
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`
 */
export function subscriber<Channels extends object = Record<string, unknown>>(
  redis: RedisClient,
  given: SubscriberOptions = {},
): Subscriber<Channels> {
  const settings = readOptions('subscriber', { redis, ...given }, subscriberChecks, subscriberDefaults, [
    'redis',
  ]);
  const link = linkTo(redis, settings.logger);
  const report = messageFailures(() => settings.logger ?? link.logger, settings.onError);
  const gapReports = new Set<(gap: { sinceMs: number }) => void>();

  const onGap = (sinceMs: number) => {
    const missed = `subscriber: messages of the last ${sinceMs} ms may not have arrived`;
    if (gapReports.size === 0) report('MESSAGES_MISSED', missed);
    for (const listener of [...gapReports]) callSafely(() => listener({ sinceMs }), report);
  };
  const delivery = new MessageDelivery(subscriberConnectionOf(redis), { ...settings, report, onGap });

  const handle = async (
    to: ChannelOrPattern,
    handler: unknown,
    options: ListenerOptions = {},
  ): Promise<() => void> => {
    checkChannel('subscriber', 'pattern' in to ? to.pattern : to.channel, settings.prefix);
    checkHandler(handler);
    const { signal } = readOptions('subscriber', options, listenerChecks, {});
    signal?.throwIfAborted();
    const { subscribed, end } = delivery.begin(to, { receive: handler as Receive, signal });
    await subscribed;
    return end;
  };

  return {
    on: (channel, handler, options) => handle({ channel }, handler, options),
    onPattern: (pattern, handler, options) => handle({ pattern }, handler, options),
    events(channel, options) {
      checkChannel('events', channel, settings.prefix);
      return eventStream(delivery, report, channel, options);
    },
    onGap(listener) {
      checkHandler(listener);
      gapReports.add(listener);
      return () => void gapReports.delete(listener);
    },
    close: () => delivery.cutAll(),
  };
}

function checkHandler(handler: unknown): void {
  const complaint = aFunction(handler);
  if (complaint) throw new ToolkitError('OPTION_INVALID', `subscriber: the handler ${complaint}`);
}
