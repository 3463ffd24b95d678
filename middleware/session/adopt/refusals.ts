import type { Request } from 'express';
import type { Logger } from '../../../src/logger.js';
import { NOTICE_CATALOGUE } from '../../../src/notices.js';
import { hashId, UnusableCopy } from '../../../src/sessions/index.js';

/** Reports old sessions that cannot be adopted: once per reason, because all old sessions may have the same fault. */
export class AdoptionRefusals {
  readonly #reported = new Set<string>();

  constructor(
    private readonly logger: Logger,
    private readonly cookieName: string,
  ) {}

  /** The request gets a new session. @throws every other error */
  unusable(error: unknown, id: string): undefined {
    if (!(error instanceof UnusableCopy)) throw error;
    this.#report(error.message, { handle: hashId(id) });
  }

  /** A request whose cookie no secret has signed. */
  unsigned({ headers }: Request): void {
    const { cookie = '' } = headers;
    const isOurs = [`${this.cookieName}=s%3A`, `${this.cookieName}=s:`].some((start) =>
      cookie.includes(start),
    );
    if (isOurs) this.#report('none of the secrets has signed its cookie');
  }

  #report(reason: string, details: object = {}): void {
    if (this.#reported.has(reason)) return;
    this.#reported.add(reason);
    const code = 'SESSION_NOT_ADOPTED';
    this.logger.warn({ code, reason, ...details }, `${code}: ${reason}. ${NOTICE_CATALOGUE[code]}`);
  }
}
