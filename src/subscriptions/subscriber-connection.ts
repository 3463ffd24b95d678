import { Deadlines, failed, linkTo, type RedisClient, unavailable } from '../redis/index.js';
import { ChannelListeners, type OnMessage } from './listeners.js';
import { SteadyLine } from './reconnecting-connection.js';
import { isRefusal, type Kind } from './single-connection.js';

const LISTEN_TIMEOUT_MS = 1_000;

/** How to wait for a subscription. */
export interface ListenOptions {
  /** Milliseconds to wait for Redis to acknowledge it; 1000 by default. */
  readonly timeoutMs?: number;
  /** Ends the listening when aborted, also that of a `listen` which was rejected. */
  readonly signal?: AbortSignal;
}

/**
 * The one dedicated connection per client on which this process listens. Opened when first needed; it reconnects and
 * subscribes again by itself, whatever the client's own settings are. Channels are named as they are in Redis:
 * ioredis' `keyPrefix` is not put in front of them.
 */
export interface SubscriberConnection {
  /**
   * Resolves when Redis has acknowledged the subscription, with a function that stops listening. Several listeners
   * share one SUBSCRIBE; the same function given twice listens once. One that throws is logged, and stops nothing else.
   *
   * Rejects when Redis does not acknowledge in time, and at once during an outage. The wish stays: the listener hears
   * as soon as Redis is back (`onRestored`). Who does not want that gives a `signal` and aborts it, or listens again with the same
   * function for the function that stops it.
   *
   * Messages of `__redis__:invalidate` come one per key, and as an empty text when all keys are gone.
   *
   * @throws ToolkitError as a rejection: `REDIS_UNAVAILABLE`; `REDIS_COMMAND_FAILED` when an ACL forbids the channel,
   * which leaves no wish
   */
  listen(channel: string, onMessage: OnMessage, options?: ListenOptions): Promise<() => void>;
  /** The same for all channels that match a glob pattern. */
  listenToPattern(pattern: string, onMessage: OnMessage, options?: ListenOptions): Promise<() => void>;
  /**
   * Called whenever messages may have been missed, when that is noticed: at once when the connection closes, within 1.1
   * seconds when it falls silent. `sinceMs`: for how many milliseconds up to now they may have been missed. More may be
   * until `onRestored`. Returns a function that removes it.
   */
  onGap(report: (gap: { sinceMs: number }) => void): () => void;
  /** Called when, after a gap, all subscriptions are in place again. Returns a function that removes it. */
  onRestored(tell: () => void): () => void;
  /** Called when it is closed for good. Returns a function that removes it. */
  onClosed(tell: () => void): () => void;
  /**
   * The id of the connection at the server, another after each reconnect, for `CLIENT TRACKING … REDIRECT`;
   * undefined while there is none, and when an ACL forbids `CLIENT ID`. In a Cluster it is that of one node.
   */
  clientId(): number | undefined;
  /** Whether all subscriptions are in place and Redis has answered within the last second. */
  isHealthy(): boolean;
  /** For good; `closeRedis` of the client, or its owner's quit() or disconnect(), do it too. */
  close(): Promise<void>;
}

const deadlines = new Deadlines();
const connections = new WeakMap<RedisClient, SubscriberConnection>();

/** The subscriber connection of a client, made when first asked for, and opened when somebody listens. */
export function subscriberConnectionOf(redis: RedisClient): SubscriberConnection {
  const connection = connections.get(redis) ?? subscriberConnection(redis);
  connections.set(redis, connection);
  return connection;
}

function subscriberConnection(redis: RedisClient): SubscriberConnection {
  const link = linkTo(redis);
  const listeners = { subscribe: new ChannelListeners(), psubscribe: new ChannelListeners() };
  const gapReports = new Set<(gap: { sinceMs: number }) => void>();
  const restoredTells = new Set<() => void>();
  const closedTells = new Set<() => void>();

  const guard = (call: () => void, channel?: string) => {
    try {
      call();
    } catch (err) {
      link.logger.error({ err, channel }, 'a listener of the subscriber connection threw');
    }
  };

  const line = new SteadyLine(redis, {
    wanted: () => ({ subscribe: listeners.subscribe.names(), psubscribe: listeners.psubscribe.names() }),
    message: (kind, name, message, channel) => {
      for (const listener of listeners[kind].of(name)) guard(() => listener(message, channel), channel);
    },
    gap: (sinceMs) => {
      for (const report of [...gapReports]) guard(() => report({ sinceMs }));
    },
    restored: () => {
      for (const tell of [...restoredTells]) guard(tell);
    },
    closed: () => {
      connections.delete(redis);
      notClosing();
      for (const tell of [...closedTells]) guard(tell);
    },
  });

  const close = async () => line.close();
  const notClosing = link.beforeClosing(close);

  const subscribed = async (kind: Kind, name: string): Promise<void> => {
    while (listeners[kind].has(name)) {
      const open = await line.open();
      // Who wanted it may have gone meanwhile, and nobody would ever unsubscribe.
      if (!listeners[kind].has(name)) return;
      try {
        await open.subscribe(kind, name);
        return;
      } catch (error) {
        if (isRefusal(error)) throw error;
        await open.ended;
      }
    }
  };

  const listen = async (
    kind: Kind,
    name: string,
    onMessage: OnMessage,
    { timeoutMs = LISTEN_TIMEOUT_MS, signal }: ListenOptions = {},
  ): Promise<() => void> => {
    signal?.throwIfAborted();
    const stop = once(() => {
      signal?.removeEventListener('abort', stop);
      if (listeners[kind].remove(name, onMessage)) line.current?.unsubscribe(kind, name);
    });
    signal?.addEventListener('abort', stop);
    listeners[kind].add(name, onMessage);
    try {
      await inTime(subscribed(kind, name), timeoutMs);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      stop();
      throw failed(kind, error);
    }
    signal?.throwIfAborted();
    return stop;
  };

  return {
    listen: (channel, onMessage, options) => listen('subscribe', channel, onMessage, options),
    listenToPattern: (pattern, onMessage, options) => listen('psubscribe', pattern, onMessage, options),
    onGap: (report) => addTo(gapReports, report),
    onRestored: (tell) => addTo(restoredTells, tell),
    onClosed: (tell) => addTo(closedTells, tell),
    clientId: () => line.current?.clientId,
    isHealthy: () => line.current?.isHealthy ?? false,
    close,
  };
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}

function addTo<T>(set: Set<T>, item: T): () => void {
  set.add(item);
  return () => void set.delete(item);
}

function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const pending = {
      settled: false,
      expire: () => reject(unavailable(`no subscription within ${timeoutMs} ms`)),
    };
    deadlines.add(pending, timeoutMs);
    const settle = () => {
      pending.settled = true;
    };
    promise.finally(settle).then(resolve, reject);
  });
}
