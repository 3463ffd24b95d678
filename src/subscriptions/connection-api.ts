import type { OnMessage } from './listeners.js';

/** How to wait for a subscription. */
export interface ListenOptions {
  /** Milliseconds to wait for Redis to acknowledge it; 1000 by default. */
  readonly timeoutMs?: number;
  /** Stops the listening when aborted, also after a `listen` that was rejected. */
  readonly signal?: AbortSignal;
}

export type ReportGap = (gap: { sinceMs: number }) => void;

/**
 * The one connection per client on which this process listens. It is opened for the first listener, and reconnects and
 * subscribes again by itself, whatever the settings of the client are. Channels have the names that they have in Redis:
 * ioredis' `keyPrefix` is not put in front of them.
 */
export interface SubscriberConnection {
  /**
   * Resolves when Redis has acknowledged the subscription, with a function that stops listening. Several listeners
   * share one SUBSCRIBE; the same function given twice listens once. A listener that throws is logged and disturbs no
   * other.
   *
   * Rejects when Redis does not acknowledge in time, and at once during an outage. The listener stays registered all the
   * same, and receives messages as soon as Redis is back (`onRestored`). To give up, abort the `signal`, or listen
   * again with the same function and call the function that stops it.
   *
   * Messages of `__redis__:invalidate` come one per key, and as an empty text when all keys are gone.
   *
   * @throws ToolkitError as a rejection: `REDIS_UNAVAILABLE`; `REDIS_MISCONFIGURED`, and when its cause is that an ACL
   * forbids the channel (`isRefusal`), the listener is not registered
   */
  listen(channel: string, onMessage: OnMessage, options?: ListenOptions): Promise<() => void>;
  /** The same for all channels that match a glob pattern. */
  listenToPattern(pattern: string, onMessage: OnMessage, options?: ListenOptions): Promise<() => void>;
  /**
   * Called as soon as it is known that messages may have been missed: at once when the connection closes, within 1.1
   * seconds when it falls silent. Messages of the last `sinceMs` milliseconds may have been missed, and more may be
   * until `onRestored`. Returns a function that removes the listener.
   */
  onGap(report: ReportGap): () => void;
  /** Called when, after a gap, all subscriptions are in place again. Returns a function that removes the listener. */
  onRestored(listener: () => void): () => void;
  /** Called when the connection is closed for good. Returns a function that removes the listener. */
  onClosed(listener: () => void): () => void;
  /**
   * The id of the connection at the server, another one after each reconnect, for `CLIENT TRACKING … REDIRECT`.
   * Undefined while there is no connection, and when an ACL forbids `CLIENT ID`. In a Cluster it is the id at one node.
   */
  clientId(): number | undefined;
  /** Whether all subscriptions are in place and Redis has answered within the last second. */
  isHealthy(): boolean;
  /** Closes it for good. `closeRedis` of the client, and the application's quit() or disconnect(), do that too. */
  close(): Promise<void>;
}
