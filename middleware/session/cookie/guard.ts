import type { Request } from 'express';
import type { Logger } from '../../../src/logger.js';
import type { NoticeCode } from '../../../src/notices.js';
import type { SessionCookie } from './cookie.js';
import { prefixComplaint } from './name-prefix.js';
import { forwardedProto, isSecure } from './secure-request.js';

export interface CookieGuardOptions {
  readonly name: string;
  readonly proxy?: boolean | undefined;
  readonly absoluteTimeoutMs: number;
}

const HINT = 'Behind a proxy that speaks HTTPS set app.set("trust proxy", 1), or proxy: true';

/** Decides whether a cookie may be sent. Logs once why it is not sent, why browsers would drop it, or why it outlives its session. */
export class CookieGuard {
  readonly #logger: Logger;
  readonly #options: CookieGuardOptions;
  readonly #logged = new Set<string>();

  constructor(logger: Logger, options: CookieGuardOptions) {
    this.#logger = logger;
    this.#options = options;
  }

  /** Whether the cookie may be sent over the connection of this request. */
  maySend(req: Request, cookie: SessionCookie): boolean {
    const { name, proxy } = this.#options;
    const overHttps = isSecure(req, proxy);
    this.checkLifetime(cookie.originalMaxAge);
    if (cookie.secure && !overHttps) {
      this.#explainInsecure(
        `no cookie is sent, because it is Secure and the request came over plain HTTP, and a new session is not stored. ${HINT}`,
      );
      return false;
    }
    const complaint = prefixComplaint(name, cookie);
    if (complaint) this.#explainInsecure(complaint);
    if (!overHttps && forwardedProto(req) === 'https') {
      this.#explainInsecure(
        `the cookie is sent without Secure, because X-Forwarded-Proto says https but is not trusted. ${HINT}`,
      );
    }
    if (!cookie.secure && (cookie.sameSite === 'none' || cookie.partitioned)) {
      const attribute = cookie.partitioned ? 'Partitioned' : 'SameSite=None';
      this.#explainInsecure(`browsers drop a cookie that has ${attribute} without Secure. ${HINT}`);
    }
    return true;
  }

  /** A lifetime of a year is common in applications that move here, so it is logged and does not throw. */
  checkLifetime(ms: number | null | undefined): void {
    const { absoluteTimeoutMs } = this.#options;
    if (!ms || ms <= absoluteTimeoutMs) return;
    this.#explain(
      'SESSION_ENDS_BEFORE_COOKIE',
      `the cookie lives longer than the session, which ends after absoluteTimeoutMs (${absoluteTimeoutMs}). Raise absoluteTimeoutMs, or shorten the cookie's maxAge`,
    );
  }

  #explainInsecure(message: string): void {
    this.#explain('SESSION_COOKIE_INSECURE', message);
  }

  #explain(code: NoticeCode, message: string): void {
    if (this.#logged.has(message)) return;
    this.#logged.add(message);
    this.#logger.warn({ code }, `session: ${message}`);
  }
}
