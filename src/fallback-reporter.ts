import { publish } from './diagnostics.js';
import { isMisconfigured, type ToolkitError } from './errors.js';
import type { Logger } from './logger.js';
import { monotonicNow } from './timers.js';

// A second outage within this time of the last log line belongs to the same trouble and is not logged.
const LOG_AGAIN_AFTER_MS = 10_000;
// Without a failure for this long the outage is over, also when nothing has succeeded.
const FORGOTTEN_AFTER_MS = 60_000;

/** The state of the client, as RedisLink has it. */
interface Connection {
  /** Whether the client as a whole is away, and the link has logged it. */
  readonly isOutageAnnounced: boolean;
  readonly logger: Logger;
}

interface Trouble {
  isOpen: boolean;
  lastAt: number;
  loggedAt: number;
}

/**
 * Tells that a middleware does without Redis: each time on `diagnostics_channel` (`express-redis-toolkit:fallback`), and
 * in the log once per outage and cause. An outage of the whole client is logged by the link instead.
 */
export class FallbackReporter {
  readonly #middleware: string;
  readonly #connection: Connection;
  readonly #logger: Logger | undefined;
  readonly #troubles = new Map<string, Trouble>();
  #isOpen = false;

  constructor(middleware: string, connection: Connection, logger?: Logger) {
    this.#middleware = middleware;
    this.#connection = connection;
    this.#logger = logger;
  }

  /** `onUnavailable` is applied to a request. `consequence` goes into the log, as in "requests are not limited". */
  applied(onUnavailable: string, consequence: string, error: ToolkitError, request?: object): void {
    const reason = reasonOf(error);
    publish('fallback', () => ({ middleware: this.#middleware, onUnavailable, reason, error }), request);
    if (this.#connection.isOutageAnnounced) return;
    const applied = `${consequence} (onUnavailable: "${onUnavailable}")`;
    const level = isMisconfigured(error) ? 'error' : 'warn';
    this.#log(level, `applied ${reason}`, `${this.#middleware}: ${error.message}; ${applied}`, error);
  }

  /** Something that nobody waits for has failed, such as a purge. */
  failed(message: string, error: unknown, fields: object = {}): void {
    this.#log('error', `failed ${reasonOf(error)}`, message, error, fields);
  }

  /** Redis has done what it was asked: the next failure begins another outage. */
  succeeded(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const trouble of this.#troubles.values()) trouble.isOpen = false;
  }

  #log(level: 'warn' | 'error', kind: string, message: string, error: unknown, fields: object = {}): void {
    const now = monotonicNow();
    const trouble = this.#troubles.get(kind) ?? {
      isOpen: false,
      lastAt: now,
      loggedAt: Number.NEGATIVE_INFINITY,
    };
    this.#troubles.set(kind, trouble);
    const isNew = !trouble.isOpen || now - trouble.lastAt > FORGOTTEN_AFTER_MS;
    trouble.isOpen = true;
    trouble.lastAt = now;
    this.#isOpen = true;
    if (!isNew || now - trouble.loggedAt < LOG_AGAIN_AFTER_MS) return;
    trouble.loggedAt = now;
    const logger = this.#logger ?? this.#connection.logger;
    const { code } = error as Partial<ToolkitError>;
    logger[level]({ err: error, code, ...fields }, message);
  }
}

const shared = new WeakMap<Connection, Map<Logger | undefined, Map<string, FallbackReporter>>>();

/** The reporter that all middlewares of a kind share: an application with fifty of them logs an outage once. */
export function sharedReporter(
  middleware: string,
  onUnavailable: string,
  connection: Connection,
  logger?: Logger,
): FallbackReporter {
  const ofConnection = shared.get(connection) ?? new Map<Logger | undefined, Map<string, FallbackReporter>>();
  shared.set(connection, ofConnection);
  const ofLogger = ofConnection.get(logger) ?? new Map<string, FallbackReporter>();
  ofConnection.set(logger, ofLogger);
  const kind = `${middleware} ${onUnavailable}`;
  const reporter = ofLogger.get(kind) ?? new FallbackReporter(middleware, connection, logger);
  ofLogger.set(kind, reporter);
  return reporter;
}

/** The code of Redis' error (OOM, NOPERM, READONLY), or that of the toolkit's. */
function reasonOf(error: unknown): string {
  const { cause, code } = error as Partial<ToolkitError>;
  const byRedis = cause instanceof Error ? /^(?!ERR)[A-Z]{3,}\b/.exec(cause.message)?.[0] : undefined;
  return byRedis ?? code ?? 'unknown';
}
