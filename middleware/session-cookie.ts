import { type SerializeOptions, stringifySetCookie } from 'cookie';
import type { SessionCookieOptions } from './session-cookie-options.js';

/** Attributes with the request's own answers in the place of `'auto'`. */
export type CookieAttributes = Omit<SessionCookieOptions, 'secure' | 'sameSite'> & {
  readonly secure?: boolean;
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none';
};

const COMPARED = [
  'httpOnly',
  'sameSite',
  'secure',
  'path',
  'domain',
  'partitioned',
  'priority',
] as const satisfies readonly (keyof CookieAttributes)[];

/** The cookie of one session (`req.session.cookie`), which a request may change. */
export class SessionCookie {
  /** Milliseconds that `touch` gives the cookie anew, or null for one that ends with the browser. */
  originalMaxAge: number | null;
  // Not #private: people copy cookies together with their prototype.
  private _expires: Date | null;
  httpOnly: boolean;
  sameSite: boolean | 'lax' | 'strict' | 'none';
  secure: boolean;
  path: string;
  domain: string | undefined;
  partitioned: boolean;
  priority: 'low' | 'medium' | 'high' | undefined;

  /** `elapsedMs`: how much of `maxAge` has passed already. */
  constructor(options: CookieAttributes = {}, elapsedMs = 0) {
    this.httpOnly = options.httpOnly ?? true;
    this.sameSite = options.sameSite ?? 'lax';
    this.secure = options.secure ?? false;
    this.path = options.path ?? '/';
    this.domain = options.domain;
    this.partitioned = options.partitioned ?? false;
    this.priority = options.priority;
    this.originalMaxAge = options.maxAge ?? null;
    this._expires = fromNow(this.originalMaxAge, elapsedMs);
  }

  /** What an application sets `req.session.cookie` to: a cookie, or one that went through JSON. */
  static from(value: unknown, options: CookieAttributes): SessionCookie {
    if (value instanceof SessionCookie) return value;
    if (value === null || typeof value !== 'object') {
      throw new TypeError('session: req.session.cookie must be an object with the attributes of the cookie');
    }
    const { expires, originalMaxAge, maxAge, ...given } = value as Partial<SessionCookie>;
    const cookie = new SessionCookie({ ...options, ...(given as CookieAttributes) });
    if (maxAge !== undefined) cookie.maxAge = maxAge;
    if (expires !== undefined) cookie.expires = expires && new Date(expires);
    if (originalMaxAge !== undefined) cookie.originalMaxAge = originalMaxAge;
    return cookie;
  }

  /** Milliseconds from now until the cookie expires, or null for a cookie that ends with the browser. */
  get maxAge(): number | null {
    return this._expires ? this._expires.getTime() - Date.now() : null;
  }

  set maxAge(ms: number | false | null | undefined) {
    const lasts = typeof ms === 'number';
    if ((ms && !lasts) || (lasts && !isDate(fromNow(ms)))) {
      throw new TypeError(`session: cookie.maxAge must be a number of milliseconds or null, not ${ms}`);
    }
    this.originalMaxAge = lasts ? ms : null;
    this.resetMaxAge();
  }

  get expires(): Date | null {
    return this._expires;
  }

  set expires(date: Date | false | null | undefined) {
    if (date && !isDate(date)) {
      throw new TypeError(`session: cookie.expires must be a valid Date or null, not ${date}`);
    }
    this.maxAge = date ? date.getTime() - Date.now() : null;
    if (date) this._expires = date;
  }

  resetMaxAge(): void {
    this._expires = fromNow(this.originalMaxAge);
  }

  get data() {
    const { originalMaxAge, expires, httpOnly, sameSite, secure, path, domain, partitioned, priority } = this;
    return { originalMaxAge, expires, httpOnly, sameSite, secure, path, domain, partitioned, priority };
  }

  toJSON(): object {
    return this.data;
  }

  /** The line for a `Set-Cookie` header (RFC 6265bis, section 4.1). */
  serialize(name: string, value: string): string {
    const { originalMaxAge: _, expires, domain, priority, ...flags } = this.data;
    const optional = {
      ...(expires && { expires }),
      ...(domain && { domain }),
      ...(priority && { priority }),
    };
    return stringifySetCookie(name, value, { ...flags, ...optional } as SerializeOptions);
  }

  /** What a request has set otherwise than the options say, to be stored with the session. */
  differences(options: CookieAttributes): CookieAttributes | undefined {
    const standard = new SessionCookie(options);
    const own: Record<string, unknown> = {};
    for (const name of COMPARED) if (this[name] !== standard[name]) own[name] = this[name] ?? null;
    if (this.originalMaxAge !== standard.originalMaxAge) own.maxAge = this.originalMaxAge;
    return Object.keys(own).length > 0 ? own : undefined;
  }
}

function fromNow(ms: number | null, elapsedMs = 0): Date | null {
  return ms === null ? null : new Date(Date.now() + ms - elapsedMs);
}

// What Redis and the browser are told must be a time: `Number(process.env.UNSET)` is none.
function isDate(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime());
}
