import { onAbort } from '../listeners.js';
import {
  Deadlines,
  linkTo,
  misconfigurationOf,
  type RedisClient,
  type RedisLink,
  unavailable,
} from '../redis/index.js';
import type { ListenOptions, ReportGap, SubscriberConnection } from './connection-api.js';
import { ChannelListeners, type OnMessage } from './listeners.js';
import { ReconnectingConnection } from './reconnecting-connection.js';
import { isRefusal, type SubscriptionKind } from './single-connection.js';

const LISTEN_TIMEOUT_MS = 1_000;

const deadlines = new Deadlines();
const connections = new WeakMap<RedisClient, SubscriberConnection>();

/** The subscriber connection of a client, made when first asked for, and opened for the first listener. */
export function subscriberConnectionOf(redis: RedisClient): SubscriberConnection {
  const connection = connections.get(redis) ?? new SharedSubscriberConnection(redis);
  connections.set(redis, connection);
  return connection;
}

class SharedSubscriberConnection implements SubscriberConnection {
  readonly #link: RedisLink;
  readonly #connection: ReconnectingConnection;
  readonly #listeners = { subscribe: new ChannelListeners(), psubscribe: new ChannelListeners() };
  readonly #onGap = new Set<ReportGap>();
  readonly #onRestored = new Set<() => void>();
  readonly #onClosed = new Set<() => void>();

  constructor(redis: RedisClient) {
    this.#link = linkTo(redis);
    const listeners = this.#listeners;
    const removeCloser = this.#link.beforeClosing(() => this.close());
    this.#connection = new ReconnectingConnection(redis, {
      wanted: () => ({ subscribe: listeners.subscribe.names(), psubscribe: listeners.psubscribe.names() }),
      message: (kind, name, message, channel) => {
        const all = listeners[kind].of(name);
        for (const listener of all) this.#guard(() => listener(message, channel), channel);
      },
      gap: (sinceMs) => this.#callAll(this.#onGap, { sinceMs }),
      restored: () => this.#callAll(this.#onRestored),
      closed: () => {
        connections.delete(redis);
        removeCloser();
        this.#callAll(this.#onClosed);
      },
    });
  }

  listen(channel: string, onMessage: OnMessage, options?: ListenOptions): Promise<() => void> {
    return this.#listen('subscribe', channel, onMessage, options);
  }

  listenToPattern(pattern: string, onMessage: OnMessage, options?: ListenOptions): Promise<() => void> {
    return this.#listen('psubscribe', pattern, onMessage, options);
  }

  onGap(report: ReportGap): () => void {
    return addTo(this.#onGap, report);
  }

  onRestored(listener: () => void): () => void {
    return addTo(this.#onRestored, listener);
  }

  onClosed(listener: () => void): () => void {
    return addTo(this.#onClosed, listener);
  }

  clientId(): number | undefined {
    return this.#connection.current?.clientId;
  }

  isHealthy(): boolean {
    return this.#connection.current?.isHealthy ?? false;
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #listen(
    kind: SubscriptionKind,
    name: string,
    onMessage: OnMessage,
    { timeoutMs = LISTEN_TIMEOUT_MS, signal }: ListenOptions = {},
  ): Promise<() => void> {
    signal?.throwIfAborted();
    const stop = once(() => {
      removeAbort();
      const isUnwanted = this.#listeners[kind].remove(name, onMessage);
      if (isUnwanted) this.#connection.current?.unsubscribe(kind, name);
    });
    const removeAbort = onAbort(signal, stop);
    this.#listeners[kind].add(name, onMessage);
    try {
      await settledInTime(this.#subscribed(kind, name), timeoutMs);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      stop();
      throw misconfigurationOf(kind, error) ?? error;
    }
    signal?.throwIfAborted();
    return stop;
  }

  async #subscribed(kind: SubscriptionKind, name: string): Promise<void> {
    while (this.#listeners[kind].has(name)) {
      const open = await this.#connection.open();
      // The listener may have been removed while the connection was opened, and nobody would ever unsubscribe.
      if (!this.#listeners[kind].has(name)) return;
      try {
        await open.subscribe(kind, name);
        return;
      } catch (error) {
        if (isRefusal(error)) throw error;
        await open.ended;
      }
    }
  }

  #callAll<Args extends unknown[]>(listeners: ReadonlySet<(...args: Args) => void>, ...args: Args): void {
    for (const listener of [...listeners]) this.#guard(() => listener(...args));
  }

  #guard(call: () => void, channel?: string): void {
    try {
      call();
    } catch (err) {
      this.#link.logger.error({ err, channel }, 'a listener of the subscriber connection threw');
    }
  }
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

function settledInTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
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
