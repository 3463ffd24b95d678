import { type Logger, silentLogger } from '../logger.js';
import { Availability, linkTo, type RedisClient, type RedisLink, unavailable } from '../redis/index.js';
import { dial, hangUp, hasLeft } from './dial.js';
import { type Kind, Line, type LineEvents } from './single-connection.js';

const CHECK_TIMEOUT_MS = 500;

export interface SteadyLineEvents extends Pick<LineEvents, 'prepare'> {
  /** What every new line has to be subscribed to. */
  wanted(): Record<Kind, readonly string[]>;
  message(kind: Kind, name: string, message: string, channel: string): void;
  gap(sinceMs: number): void;
  restored(): void;
  closed(): void;
}

/** Replaces a line that is lost by another, for as long as the client is not closed. */
export class SteadyLine {
  /** The line that is open, or about to be. */
  current: Line | undefined;
  readonly #client: RedisClient;
  readonly #link: RedisLink;
  readonly #events: SteadyLineEvents;
  readonly #outages: Availability;
  #outageLogger: Logger = silentLogger;
  #opening: Promise<Line> | undefined;
  // A first choice that differs between processes spreads them over the nodes of a Cluster.
  #attempt = Math.floor(Math.random() * 1_000);
  #isInGap = false;
  #isClosed = false;

  constructor(client: RedisClient, events: SteadyLineEvents) {
    this.#client = client;
    this.#link = linkTo(client);
    this.#events = events;
    this.#outages = new Availability(
      {
        name: 'the subscriber connection',
        trouble: 'The subscriber connection is lost; until it is back no messages arrive',
        probe: () => this.#dial().then(Boolean, () => false),
      },
      () => this.#outageLogger,
    );
    client.on('end', () => this.#closeWithOwner());
  }

  /** The line, opened if need be. During an outage it rejects at once, with `REDIS_UNAVAILABLE`. */
  async open(): Promise<Line> {
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
    this.current?.close();
    this.current = undefined;
    this.#events.closed();
  }

  async #dialOrBeginOutage(): Promise<Line> {
    const began = performance.now();
    try {
      return await this.#dial();
    } catch (error) {
      if (this.#isClosed) throw error;
      if (!this.#isInGap) this.#beginGap(began);
    }
    // When commands fail too it is one outage, and the link logs it. When they do not, Redis may just have come back.
    await this.#link.send('ping', [], { timeoutMs: CHECK_TIMEOUT_MS }).catch(() => undefined);
    try {
      return await this.#dial();
    } catch (error) {
      if (this.#isClosed) throw error;
      const cause = error as Error;
      this.#outageLogger = this.#link.outage ? silentLogger : this.#link.logger;
      this.#outages.beginOutage(cause);
      throw unavailable(cause.message, cause);
    }
  }

  async #dial(): Promise<Line> {
    this.#closeWithOwner();
    this.#refuseWhenClosed();
    const redis = await dial(this.#client, this.#attempt++);
    const { prepare } = this.#events;
    const line: Line = new Line(redis, {
      ...(prepare && { prepare }),
      message: this.#events.message,
      lost: () => this.#replace(line),
      refused: (err) => this.#link.logger.error({ err }, 'Redis forbids to subscribe to a channel'),
      tick: () => {
        this.#closeWithOwner();
        if (hasLeft(this.#client, redis)) hangUp(redis);
      },
    });
    try {
      this.#refuseWhenClosed();
      // Who begins to listen from here on is subscribed on this line.
      this.current = line;
      await line.begin(this.#events.wanted());
    } catch (error) {
      line.close();
      if (this.current === line) this.current = undefined;
      throw error;
    }
    if (this.#isInGap) this.#endGap();
    return line;
  }

  #replace(line: Line): void {
    // A line that was not complete yet is whose dialling fails.
    if (this.current !== line || !line.isComplete) return;
    this.current = undefined;
    this.#beginGap(line.provenAt);
    this.open().catch(() => undefined);
  }

  #beginGap(since: number): void {
    this.#isInGap = true;
    this.#events.gap(Math.ceil(performance.now() - since));
  }

  #endGap(): void {
    this.#isInGap = false;
    this.#events.restored();
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw unavailable('the client was closed');
  }

  // An owner who ends the client while it has no socket causes no event.
  #closeWithOwner(): void {
    if (this.#link.closedByOwner) this.close();
  }
}
