import type { Request } from 'express';
import { isUnavailable } from '../../src/errors.js';
import type { Logger } from '../../src/logger.js';
import type { RedisLink } from '../../src/redis/index.js';
import { UnavailableNotices } from '../../src/redis-unavailable.js';
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
} as const;

type Work = keyof typeof CONSEQUENCES;

/** Reports every request to which `onUnavailable` is applied, and notes when Redis serves sessions again. */
export class SessionAvailability {
  readonly #notices: UnavailableNotices;
  readonly #onUnavailable: SessionSettings['onUnavailable'];
  #failing: Work | undefined;

  constructor(onUnavailable: SessionSettings['onUnavailable'], link: RedisLink, logger?: Logger) {
    this.#notices = new UnavailableNotices('session', link, logger);
    this.#onUnavailable = onUnavailable;
  }

  failed(work: Work, error: unknown, req?: Request): void {
    if (!isUnavailable(error)) return;
    this.#failing = work;
    this.#notices.applied(this.#onUnavailable, CONSEQUENCES[work][this.#onUnavailable], error, req);
  }

  // A full Redis still reads: a read that succeeds does not end the outage of writes.
  succeeded(work: Work): void {
    if (this.#failing === undefined || (work === 'read' && this.#failing === 'write')) return;
    this.#failing = undefined;
    this.#notices.succeeded();
  }
}
