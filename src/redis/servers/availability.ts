import { publish } from '../../diagnostics.js';
import type { Logger } from '../../logger.js';
import { monotonicNow, setTimeout } from '../../timers.js';

const PROBE_EVERY_MS = 100;
// A second outage within this time of the last log line belongs to the same trouble and is not logged.
const LOG_AGAIN_AFTER_MS = 10_000;

export const COMMANDS_FAIL =
  'Redis is unavailable; until it answers again each middleware follows its onUnavailable';

/** A server, or a group of servers, that can be asked and can be away. */
export interface Server {
  readonly name: string;
  /** The log line at the beginning of an outage. */
  readonly trouble: string;
  /** Asks whether it answers, and repairs the connection when it does not. Never rejects. */
  probe(): Promise<boolean>;
}

/**
 * Whether a Redis server can be asked at the moment. The first failure begins an outage: until a probe is
 * answered, commands fail at once instead of each waiting for its own deadline. One log line each way.
 */
export class Availability {
  #logger: () => Logger;
  readonly #server: Server;
  #cause: Error | undefined;
  #since = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #logged = false;
  #retired = false;

  constructor(server: Server, logger: () => Logger) {
    this.#server = server;
    this.#logger = logger;
  }

  /** Why Redis cannot be asked; undefined when it can. */
  get outage(): Error | undefined {
    return this.#cause;
  }

  beginOutage(cause: Error): void {
    if (this.#cause || this.#retired) return;
    this.#cause = cause;
    this.#since = monotonicNow();
    this.#logged = this.#since - this.#loggedAt > LOG_AGAIN_AFTER_MS;
    if (this.#logged) {
      this.#loggedAt = this.#since;
      const { name, trouble } = this.#server;
      this.#logger().error({ err: cause, code: 'REDIS_UNAVAILABLE', server: name }, trouble);
    }
    publish('unavailable', () => ({ server: this.#server.name, cause }));
    this.#probe();
  }

  /** No caller is going to ask again: no more probes and log lines. */
  retire(): void {
    this.#retired = true;
  }

  #probe(): void {
    void this.#server.probe().then((answered) => {
      if (this.#retired) return;
      if (answered) this.#endOutage();
      else setTimeout(() => this.#retired || this.#probe(), PROBE_EVERY_MS).unref();
    });
  }

  #endOutage(): void {
    const outageMs = Math.round(monotonicNow() - this.#since);
    this.#cause = undefined;
    if (this.#logged) {
      this.#logger().info(
        { outageMs, server: this.#server.name },
        `Redis is available again after ${outageMs} ms`,
      );
    }
    publish('recovered', () => ({ server: this.#server.name, outageMs }));
  }
}
