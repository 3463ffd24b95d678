import { addListener } from '../listeners.js';
import { type Logger, silentLogger } from '../logger.js';
import {
  Availability,
  hangUp,
  linkTo,
  misconfigurationOf,
  type RedisClient,
  type RedisLink,
  unavailable,
} from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { dial, hasLeft } from './dial.js';
import { type ConnectionEvents, SingleConnection, type SubscriptionKind } from './single-connection.js';

const CHECK_TIMEOUT_MS = 500;

export interface ReconnectingConnectionEvents extends Pick<ConnectionEvents, 'prepare'> {
  /** The channels and patterns that every new connection has to subscribe to. */
  wanted(): Record<SubscriptionKind, readonly string[]>;
  message(kind: SubscriptionKind, name: string, message: string, channel: string): void;
  gap(sinceMs: number): void;
  restored(): void;
  closed(): void;
}

/** A connection that is replaced by another when it is lost, for as long as the client is not closed. */
export class ReconnectingConnection {
  /** The connection that is open, or about to be. */
  current: SingleConnection | undefined;
  readonly #client: RedisClient;
  readonly #link: RedisLink;
  readonly #events: ReconnectingConnectionEvents;
  readonly #outages: Availability;
  readonly #removeListener: () => void;
  #outageLogger: Logger = silentLogger;
  #opening: Promise<SingleConnection> | undefined;
  // A first choice that differs between processes spreads them over the nodes of a Cluster.
  #attempt = Math.floor(Math.random() * 1_000);
  #isInGap = false;
  #isClosed = false;

  constructor(client: RedisClient, events: ReconnectingConnectionEvents) {
    this.#client = client;
    this.#link = linkTo(client);
    this.#events = events;
    this.#outages = new Availability(
      {
        name: 'the subscriber connection',
        trouble: 'The subscriber connection is lost; until it is back no messages arrive',
        probe: () => this.#dial().then(Boolean, () => false),
        replaceConnection: () => this.current?.close(),
      },
      { logger: () => this.#outageLogger, longestDeadlineMs: () => 0 },
    );
    this.#removeListener = addListener(client, 'end', () => this.#closeWithOwner());
  }

  /** The connection, opened if need be. During an outage it rejects at once, with `REDIS_UNAVAILABLE`. */
  async open(): Promise<SingleConnection> {
    const { outage } = this.#outages;
    if (this.current) return this.current;
    if (outage) throw unavailable('no messages arrive at the moment', outage);
    this.#opening ??= this.#dialOrBeginOutage().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#outages.retire();
    this.#removeListener();
    this.current?.close();
    this.current = undefined;
    this.#events.closed();
  }

  async #dialOrBeginOutage(): Promise<SingleConnection> {
    const began = monotonicNow();
    try {
      return await this.#dial();
    } catch (error) {
      this.#refuseWhenClosed(error);
      if (!this.#isInGap) this.#beginGap(began);
    }
    // When commands fail too, it is one outage, which the link logs. When they succeed, Redis may just have come back.
    await this.#link.send('ping', [], { timeoutMs: CHECK_TIMEOUT_MS, isCheck: true }).catch(() => undefined);
    try {
      return await this.#dial();
    } catch (error) {
      this.#refuseWhenClosed(error);
      const cause = error as Error;
      this.#outageLogger = this.#link.outage ? silentLogger : this.#link.logger;
      this.#outages.beginOutage(cause);
      throw misconfigurationOf('subscribe', cause) ?? unavailable(cause.message, cause);
    }
  }

  async #dial(): Promise<SingleConnection> {
    this.#closeWithOwner();
    this.#refuseWhenClosed();
    const redis = await dial(this.#client, this.#attempt++);
    const { prepare } = this.#events;
    const connection: SingleConnection = new SingleConnection(redis, {
      ...(prepare && { prepare }),
      message: this.#events.message,
      lost: () => this.#replace(connection),
      refused: (cause) => {
        const err = misconfigurationOf('subscribe', cause);
        this.#link.logger.error({ err, code: err?.code }, 'Redis forbids to subscribe to a channel');
      },
      tick: () => {
        this.#closeWithOwner();
        if (hasLeft(this.#client, redis)) hangUp(redis);
      },
    });
    try {
      this.#refuseWhenClosed();
      // A listener that is added from here on subscribes on this connection.
      this.current = connection;
      await connection.begin(this.#events.wanted());
    } catch (error) {
      connection.close();
      if (this.current === connection) this.current = undefined;
      throw error;
    }
    if (this.#isInGap) this.#endGap();
    return connection;
  }

  #replace(connection: SingleConnection): void {
    // While a connection is not complete, a loss fails its #dial, which reports it.
    if (this.current !== connection || !connection.isComplete) return;
    this.current = undefined;
    this.#beginGap(connection.provenAt);
    this.open().catch(() => undefined);
  }

  #beginGap(since: number): void {
    this.#isInGap = true;
    this.#events.gap(Math.ceil(monotonicNow() - since));
  }

  #endGap(): void {
    this.#isInGap = false;
    this.#events.restored();
  }

  #refuseWhenClosed(cause?: unknown): void {
    if (this.#isClosed) throw unavailable('the client was closed', cause as Error | undefined);
  }

  // ioredis emits no event when the application ends a client that has no socket.
  #closeWithOwner(): void {
    if (this.#link.closedByOwner) this.close();
  }
}
