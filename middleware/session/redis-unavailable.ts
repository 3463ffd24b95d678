import type { Request } from 'express';
import { isUnavailable } from '../../src/errors.js';
import { FallbackReporter } from '../../src/fallback-reporter.js';
import type { Logger } from '../../src/logger.js';
import type { RedisLink } from '../../src/redis/index.js';
import type { SessionSettings } from './settings.js';

const CONSEQUENCES = {
  read: {
    error: 'requests with a session cookie fail',
    anonymous: 'requests with a session cookie get an empty session',
  },
  write: {
    error: 'requests that change their session fail',
    anonymous: 'requests that change their session fail',
  },
  slide: {
    error: 'sessions are read, and end earlier',
    anonymous: 'sessions are read, and end earlier',
  },
} as const;

type Work = keyof typeof CONSEQUENCES;

// An empty session in place of one that could not be read must not replace its cookie unless somebody writes to it.
const ONLY_IF_WRITTEN = { saveUninitialized: false, rolling: false } as const;

/**
 * Decides what requests get while Redis is away, reports each to which `onUnavailable` is applied, and notes when Redis
 * serves sessions again.
 */
export class SessionAvailability {
  readonly #reporter: FallbackReporter;
  readonly #onUnavailable: SessionSettings['onUnavailable'];
  #failing: Work | undefined;

  constructor(onUnavailable: SessionSettings['onUnavailable'], link: RedisLink, logger?: Logger) {
    this.#reporter = new FallbackReporter('session', link, logger);
    this.#onUnavailable = onUnavailable;
  }

  /**
   * The settings of the empty session that a request gets whose own could not be read.
   *
   * @throws the error, unless it says that Redis is away and `onUnavailable` is `'anonymous'`
   */
  anonymous(settings: SessionSettings, error: unknown, req: Request): SessionSettings {
    this.failed('read', error, req);
    if (this.#onUnavailable === 'error' || !isUnavailable(error)) throw error;
    return { ...settings, ...ONLY_IF_WRITTEN };
  }

  failed(work: Work, error: unknown, req?: Request): void {
    if (!isUnavailable(error)) return;
    this.#failing = work;
    this.#reporter.applied(this.#onUnavailable, CONSEQUENCES[work][this.#onUnavailable], error, req);
  }

  // A full Redis still reads: a read that succeeds does not end the outage of writes.
  succeeded(work: Work): void {
    if (this.#failing === undefined || (work === 'read' && this.#failing !== 'read')) return;
    this.#failing = undefined;
    this.#reporter.succeeded();
  }
}
