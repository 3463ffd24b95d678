import { type SerializeOptions, stringifySetCookie } from 'cookie';
import { aCookiePath, type CookieAttributes } from './options.js';

const COMPARED = [
  'httpOnly',
  'sameSite',
  'secure',
  'path',
  'domain',
  'partitioned',
  'priority',
] as const satisfies readonly (keyof CookieAttributes)[];

/** The lifetime of a cookie: milliseconds from now, a date, or (false, null) until the browser closes. */
export type CookieLife = number | Date | false | null | undefined;

/** The cookie of one session (`req.session.cookie`), which the application may change. */
export class SessionCookie {
  /** The full lifetime in milliseconds, which `touch` starts anew; null for a cookie that ends with the browser. */
  originalMaxAge: number | null;
  // Not #private: applications copy cookies together with their prototype.
  private _expires: Date | null;
  httpOnly: boolean;
  sameSite: boolean | 'lax' | 'strict' | 'none';
  secure: boolean;
  path: string;
  domain: string | undefined;
  partitioned: boolean;
  priority: 'low' | 'medium' | 'high' | undefined;

  /** `elapsedMs` is the part of `maxAge` that has already passed. */
  constructor(options: CookieAttributes = {}, elapsedMs = 0) {
    // An attribute that was set to null at run time stays null, and is omitted.
    const { httpOnly = true, sameSite = 'lax', secure = false, path = '/', partitioned = false } = options;
    this.httpOnly = httpOnly;
    this.sameSite = sameSite;
    this.secure = secure;
    this.path = path;
    this.domain = options.domain ?? undefined;
    this.partitioned = partitioned;
    this.priority = options.priority ?? undefined;
    this.originalMaxAge = options.maxAge ?? null;
    this._expires = options.expires ?? fromNow(this.originalMaxAge, elapsedMs);
  }

  /** The cookie of a stored session. `json` is the result of `differences`. */
  static stored(json: string | undefined, options: CookieAttributes, elapsedMs: number): SessionCookie {
    if (json === undefined) return new SessionCookie(options, elapsedMs);
    const own = JSON.parse(json) as CookieAttributes;
    const expires = 'maxAge' in own ? undefined : options.expires;
    return new SessionCookie({ ...options, ...own, expires }, elapsedMs);
  }

  /** Accepts an assignment of the application to `req.session.cookie`: a cookie, or a copy that went through JSON. */
  static from(value: unknown, options: CookieAttributes): SessionCookie {
    if (value instanceof SessionCookie) return value;
    if (value === null || typeof value !== 'object') {
      throw new TypeError('session: req.session.cookie must be an object with the attributes of the cookie');
    }
    const { expires, originalMaxAge, maxAge, ...given } = value as Omit<Partial<SessionCookie>, 'expires'> & {
      expires?: Date | string | null;
    };
    const cookie = new SessionCookie({ ...options, ...(given as CookieAttributes) });
    if (maxAge !== undefined) cookie.maxAge = maxAge;
    if (expires !== undefined) cookie.expires = typeof expires === 'string' ? new Date(expires) : expires;
    if (originalMaxAge !== undefined) cookie.originalMaxAge = originalMaxAge;
    return cookie;
  }

  /** Milliseconds from now until the cookie expires, or null for a cookie that ends with the browser. */
  get maxAge(): number | null {
    return this._expires && msUntil(this._expires);
  }

  // As in express-session, `maxAge` and `expires` both take milliseconds from now, or a date.
  set maxAge(value: CookieLife) {
    this.setLifetime('maxAge', value);
  }

  get expires(): Date | null {
    return this._expires;
  }

  set expires(value: CookieLife) {
    this.setLifetime('expires', value);
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
      // Max-Age does not depend on the browser's clock; browsers that know it ignore Expires (RFC 6265, section 4.1.2.2).
      ...(expires && { expires, maxAge: Math.max(0, Math.ceil(msUntil(expires) / 1000)) }),
      ...(domain && { domain }),
      ...(priority && { priority }),
    };
    const complaint = flags.path && aCookiePath(flags.path);
    if (complaint) throw new TypeError(`session: cookie.path ${complaint}`);
    return stringifySetCookie(name, value, { ...flags, ...optional } as SerializeOptions);
  }

  /** The attributes that differ from the options. They are stored with the session. */
  differences(options: CookieAttributes): CookieAttributes | undefined {
    const standard = new SessionCookie(options);
    const own: Record<string, unknown> = {};
    for (const name of COMPARED) {
      const value = this[name] ?? null;
      if (value !== (standard[name] ?? null)) own[name] = value;
    }
    if (this.originalMaxAge !== standard.originalMaxAge) own.maxAge = this.originalMaxAge;
    if (Object.keys(own).length === 0) return undefined;
    // Throws for an attribute that no cookie can have. Once stored, it would fail every later request.
    this.serialize('sid', '');
    return own;
  }

  private setLifetime(name: 'maxAge' | 'expires', value: CookieLife): void {
    const ends = typeof value === 'number' ? fromNow(value) : value || null;
    if (ends !== null && !isDate(ends)) {
      throw new TypeError(
        `session: cookie.${name} must be a number of milliseconds, a valid Date or null, not ${value}`,
      );
    }
    this._expires = ends;
    this.originalMaxAge = typeof value === 'number' ? value : ends && msUntil(ends);
  }
}

const msUntil = (date: Date): number => date.getTime() - Date.now();

function fromNow(ms: number | null, elapsedMs = 0): Date | null {
  return ms === null ? null : new Date(Date.now() + ms - elapsedMs);
}

// `Number(process.env.UNSET)` is not a time, and neither Redis nor a browser could use it.
function isDate(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime());
}
