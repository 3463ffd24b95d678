import { ToolkitError, tooLarge } from '../errors.js';
import { readOptions } from '../read-options.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { checkChannel } from './channel-name.js';
import { type PublisherOptions, publisherChecks, publisherDefaults } from './options.js';

/** Publishes messages, typed by channel. */
export interface Publisher<Channels extends object = Record<string, unknown>> {
  /**
   * Resolves when Redis has accepted the message, with the number of subscriptions that receive it; in a Cluster, with
   * the number at the node that accepted it, although all nodes pass it on. A message is sent at most once, and a
   * subscriber that is not connected misses it. Messages of one channel arrive in the order in which they were
   * published.
   *
   * @throws ToolkitError as a rejection: `CHANNEL_INVALID`, `MESSAGE_NOT_JSON`, `MESSAGE_TOO_LARGE`,
   * `REDIS_UNAVAILABLE` (and then the message may or may not have been published)
   */
  publish<Channel extends keyof Channels & string>(
    channel: Channel,
    event: Channels[Channel],
  ): Promise<number>;
}

/**
 * Publishes values as JSON over the shared client. ioredis' `keyPrefix` does not apply to channels.
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
      if (bytes > maxBytes)
        throw tooLarge('MESSAGE_TOO_LARGE', `publisher: the message for "${channel}"`, {
          bytes,
          maxBytes,
          advice: 'publish an id instead, or raise maxBytes',
        });
      const name = `${prefix}${channel}`;
      // Through different nodes of a Cluster one message could overtake another.
      return link.send<number>('publish', [name, json], { timeoutMs, routeBy: name });
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
  const why = cause instanceof Error ? cause.message : `${typeof event} cannot be represented as JSON`;
  throw new ToolkitError('MESSAGE_NOT_JSON', `publisher: the message for "${channel}": ${why}`, { cause });
}
