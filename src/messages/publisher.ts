import { ToolkitError } from '../errors.js';
import { readOptions } from '../read-options.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { checkChannel } from './channel-name.js';
import { type PublisherOptions, publisherChecks, publisherDefaults } from './options.js';

/** What publishes messages, typed by channel. */
export interface Publisher<Channels extends object = Record<string, unknown>> {
  /**
   * Resolves, when Redis has taken the message, with the number of subscriptions that it was handed to: in a Cluster
   * those of the node that took it alone, although all get it. It is sent at most once; who is not connected misses it.
   * Messages of one channel arrive in the order in which they were published.
   *
   * @throws ToolkitError as a rejection: `CHANNEL_INVALID`, `MESSAGE_NOT_JSON`, `MESSAGE_TOO_LARGE`,
   * `REDIS_UNAVAILABLE` (then it may have been published or not)
   */
  publish<Channel extends keyof Channels & string>(
    channel: Channel,
    event: Channels[Channel],
  ): Promise<number>;
}

/**
 * Publishes values as JSON, over the client that everything shares. ioredis' `keyPrefix` does not apply to channels.
 *
 * @example
 * const { publish } = publisher<{ orders: { id: string; state: 'paid' | 'sent' } }>(redis);
 * await publish('orders', { id: '7', state: 'paid' });
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`
 */
export function publisher<Channels extends object = Record<string, unknown>>(
  redis: RedisClient,
  given: PublisherOptions = {},
): Publisher<Channels> {
  const options = readOptions('publisher', { redis, ...given }, publisherChecks, publisherDefaults, [
    'redis',
  ]);
  const link = linkTo(redis, options.logger);
  const { maxBytes, prefix, timeoutMs } = options;

  return {
    async publish(channel, event) {
      checkChannel('publisher', channel, prefix);
      const json = toJson(channel, event);
      const bytes = Buffer.byteLength(json);
      if (bytes > maxBytes) throw tooLarge(channel, bytes, maxBytes);
      const name = `${prefix}${channel}`;
      // By way of several nodes of a Cluster one message could overtake another.
      return link.send<number>('publish', [name, json], { timeoutMs, near: name });
    },
  };
}

function toJson(channel: string, event: unknown): string {
  let cause: unknown;
  try {
    const json = JSON.stringify(event) as string | undefined;
    if (json !== undefined) return json;
  } catch (error) {
    cause = error;
  }
  const why = cause instanceof Error ? cause.message : `${typeof event} is no JSON`;
  throw new ToolkitError('MESSAGE_NOT_JSON', `publisher: the message for "${channel}": ${why}`, { cause });
}

function tooLarge(channel: string, bytes: number, maxBytes: number): ToolkitError {
  const message = `publisher: the message for "${channel}" is ${bytes} bytes of JSON, more than maxBytes, ${maxBytes}: publish an id instead`;
  return new ToolkitError('MESSAGE_TOO_LARGE', message);
}
