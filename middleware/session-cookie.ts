import { parseCookie } from 'cookie';
import cookieParser from 'cookie-parser';
import { sign } from 'cookie-signature';
import type { CookieOptions, Request, Response } from 'express';

/** Cookie settings of a session; express-session's names and meanings. */
export interface SessionCookieOptions {
  /**
   * Milliseconds that the browser keeps the cookie; it is also the idle timeout then.
   * @default until the browser closes
   */
  readonly maxAge?: number | null;
  readonly httpOnly?: boolean;
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none';
  /** `'auto'`: Secure when the request came over HTTPS. */
  readonly secure?: boolean | 'auto';
  readonly path?: string;
  readonly domain?: string;
  readonly partitioned?: boolean;
}

/** The cookie of one session (`req.session.cookie`), which a request may change. */
export class SessionCookie {
  originalMaxAge: number | null;
  #expires: Date | null = null;
  httpOnly: boolean;
  sameSite: boolean | 'lax' | 'strict' | 'none';
  secure: boolean | 'auto';
  path: string;
  domain: string | undefined;
  partitioned: boolean;

  constructor(options: SessionCookieOptions = {}) {
    this.httpOnly = options.httpOnly ?? true;
    this.sameSite = options.sameSite ?? 'lax';
    this.secure = options.secure ?? 'auto';
    this.path = options.path ?? '/';
    this.domain = options.domain;
    this.partitioned = options.partitioned ?? false;
    this.originalMaxAge = options.maxAge ?? null;
    this.resetMaxAge();
  }

  /** Milliseconds from now until the cookie expires, or null for a cookie that ends with the browser. */
  get maxAge(): number | null {
    return this.#expires ? this.#expires.getTime() - Date.now() : null;
  }

  set maxAge(ms: number | null | undefined) {
    if (ms !== undefined && ms !== null && !Number.isFinite(ms)) {
      throw new TypeError(`session: cookie.maxAge must be a number of milliseconds or null, not ${ms}`);
    }
    this.originalMaxAge = ms ?? null;
    this.resetMaxAge();
  }

  get expires(): Date | null {
    return this.#expires;
  }

  set expires(date: Date | false | null | undefined) {
    this.maxAge = date ? date.getTime() - Date.now() : null;
  }

  resetMaxAge(): void {
    this.#expires = this.originalMaxAge === null ? null : new Date(Date.now() + this.originalMaxAge);
  }

  toJSON(): object {
    const { originalMaxAge, expires, httpOnly, sameSite, secure, path, domain, partitioned } = this;
    return { originalMaxAge, expires, httpOnly, sameSite, secure, path, domain, partitioned };
  }

  attributes(req: Request): CookieOptions {
    const { httpOnly, sameSite, path, domain, partitioned, expires } = this;
    return {
      httpOnly,
      sameSite,
      path,
      secure: this.secure === 'auto' ? req.secure : this.secure,
      ...(domain === undefined ? {} : { domain }),
      ...(partitioned ? { partitioned } : {}),
      ...(expires ? { expires } : {}),
    };
  }
}

/** The session id in a request's cookie, when its signature is by one of the secrets. */
export function readSessionId(req: Request, name: string, secrets: readonly string[]): string | undefined {
  const header = req.headers.cookie;
  const value = header === undefined ? undefined : parseCookie(header)[name];
  if (!value?.startsWith('s:')) return undefined;
  const id = cookieParser.signedCookie(value, secrets as string[]);
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** Sends the cookie as express-session does: `s:` and a signature by the newest secret. */
export function writeSessionId(
  req: Request,
  res: Response,
  name: string,
  id: string,
  secret: string,
  cookie: SessionCookie,
): void {
  res.cookie(name, `s:${sign(id, secret)}`, cookie.attributes(req));
}
