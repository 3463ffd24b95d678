import { publish } from '../../diagnostics.js';
import { type Logger, logInfo } from '../../logger.js';
import { monotonicNow, setTimeout } from '../../timers.js';
import { misconfigurationOf } from '../failures.js';
import { withoutArguments } from '../without-arguments.js';

const PROBE_EVERY_MS = 100;
// Redis is away when it is silent for this long, or for the longest deadline in use.
export const SILENCE_MS = 600;
// A dead socket has to be replaced within a few seconds, whatever the deadlines are.
const LONGEST_SILENCE_MS = 2_000;
const REPLICA_CHECK_EVERY_MS = 250;
// A second outage within this time of the last log line belongs to the same trouble and is not logged.
const LOG_AGAIN_AFTER_MS = 10_000;

export const COMMANDS_FAIL =
  'Redis is unavailable; until it answers again each middleware follows its onUnavailable';

/** A server, or a group of servers, that can be asked and can be away. */
export interface Server {
  readonly name: string;
  /** The log line at the beginning of an outage. */
  readonly trouble: string;
  /**
   * Asks whether it answers, and repairs the connection when it has been silent for `patienceMs`. Never rejects.
   */
  probe(patienceMs: number): Promise<boolean>;
  /** Closes the connection, which is then opened again. */
  replaceConnection(): void;
  /** Leaves a server that refuses writes, if a new connection leads to one that takes them. Never rejects. */
  leaveReplica?(): Promise<boolean>;
}

/** What an availability needs of its surroundings. */
export interface AvailabilityContext {
  logger(): Logger;
  /** The longest deadline of commands to the server: an answer that is slower than others' deadlines may be in time. */
  longestDeadlineMs(): number;
}

/**
 * Whether a Redis server can be asked at the moment. A late answer concerns only its caller, and has the server probed.
 * An outage begins when the server does not answer the probe either, or refuses everything: until it answers, commands
 * fail at once instead of each waiting for its own deadline. One log line each way.
 */
export class Availability {
  readonly #context: AvailabilityContext;
  readonly #server: Server;
  #cause: Error | undefined;
  #since = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #logged = false;
  #retired = false;
  #isProbing = false;
  #isAnnounced = false;
  #replies = 0;
  #replicaCheckAt = Number.NEGATIVE_INFINITY;

  constructor(server: Server, context: AvailabilityContext) {
    this.#server = server;
    this.#context = context;
  }

  /** Why Redis cannot be asked; undefined when it can. */
  get outage(): Error | undefined {
    return this.#cause;
  }

  /** Whether the outage has been logged and published. */
  get isAnnounced(): boolean {
    return this.#isAnnounced;
  }

  /** The number of replies so far; a deadline that passes compares it with the number when its command was sent. */
  get replies(): number {
    return this.#replies;
  }

  noteReply(): void {
    this.#replies++;
  }

  /** A deadline of `waitedMs` has passed. A server that was silent for the longest deadline in use is not asked further. */
  suspect(cause: Error, repliesBefore: number, waitedMs: number): void {
    if (this.#cause || this.#retired || this.#isProbing) return;
    this.#isProbing = true;
    const suspend = () => {
      if (this.#isProbing && this.#replies === repliesBefore) this.#cause ??= cause;
    };
    const leftMs = Math.min(LONGEST_SILENCE_MS, this.#context.longestDeadlineMs()) - waitedMs;
    if (leftMs > 0) setTimeout(suspend, leftMs).unref();
    else suspend();
    void this.#server.probe(this.#patienceMs).then((answered) => {
      this.#isProbing = false;
      if (this.#isAnnounced) return;
      this.#cause = undefined;
      if (!answered) this.beginOutage(cause);
    });
  }

  /** A command got the reply to another one: no reply on the connection can be trusted. */
  outOfStep(): void {
    this.#server.replaceConnection();
    this.beginOutage(new Error('a reply was lost, so the connection was replaced'));
  }

  /** The server is a replica, as after a failover. When another has its place now, the client is led there. */
  refusesWrites(cause: Error): void {
    const now = monotonicNow();
    if (this.#cause || this.#retired || now - this.#replicaCheckAt < REPLICA_CHECK_EVERY_MS) return;
    this.#replicaCheckAt = now;
    void this.#server.leaveReplica?.().then((left) => {
      if (left) this.beginOutage(cause);
    });
  }

  beginOutage(cause: Error): void {
    if (this.#retired) return;
    if (this.#isAnnounced) {
      this.#tellMisconfiguration(cause);
      return;
    }
    this.#isAnnounced = true;
    this.#cause = withoutArguments(cause);
    this.#since = monotonicNow();
    this.#logged = this.#since - this.#loggedAt > LOG_AGAIN_AFTER_MS;
    if (this.#logged) {
      this.#loggedAt = this.#since;
      this.#log(cause);
    }
    publish('unavailable', () => ({ server: this.#server.name, cause }));
    this.#probe();
  }

  // A Redis that comes back with another password refuses for another reason than before, and waiting does not cure it.
  #tellMisconfiguration(cause: Error): void {
    if (!misconfigurationOf('connect', cause)) return;
    if (this.#cause && misconfigurationOf('connect', this.#cause)) return;
    this.#cause = withoutArguments(cause);
    this.#logged = true;
    this.#log(cause);
  }

  #log(cause: Error): void {
    const { name, trouble } = this.#server;
    const misconfiguration = misconfigurationOf('connect', cause);
    const code = misconfiguration?.code ?? 'REDIS_UNAVAILABLE';
    this.#context.logger().error({ err: cause, code, server: name }, misconfiguration?.message ?? trouble);
  }

  /** No caller is going to ask again: no more probes and log lines. */
  retire(): void {
    this.#retired = true;
  }

  get #patienceMs(): number {
    return Math.min(LONGEST_SILENCE_MS, Math.max(SILENCE_MS, this.#context.longestDeadlineMs()));
  }

  #probe(): void {
    void this.#server.probe(this.#patienceMs).then((answered) => {
      if (this.#retired) return;
      if (answered) this.#endOutage();
      else setTimeout(() => this.#retired || this.#probe(), PROBE_EVERY_MS).unref();
    });
  }

  #endOutage(): void {
    const outageMs = Math.round(monotonicNow() - this.#since);
    this.#isAnnounced = false;
    this.#cause = undefined;
    if (this.#logged) {
      const fields = { outageMs, server: this.#server.name };
      logInfo(this.#context.logger(), fields, `Redis is available again after ${outageMs} ms`);
    }
    publish('recovered', () => ({ server: this.#server.name, outageMs }));
  }
}
