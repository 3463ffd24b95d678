import { type SerializeOptions, stringifySetCookie } from 'cookie';
import type { CookieAttributes } from './options.js';

const COMPARED = [
  'httpOnly',
  'sameSite',
  'secure',
  'path',
  'domain',
  'partitioned',
  'priority',
] as const satisfies readonly (keyof CookieAttributes)[];

/** How long a cookie lives: milliseconds from now, a date, or (false, null) until the browser closes. */
export type CookieLife = number | Date | false | null | undefined;

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
    // What was set to null, at run time, stays null: it leaves the attribute out.
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

  /** The cookie of a stored session; `json` is what `differences` gave. */
  static stored(json: string | undefined, options: CookieAttributes, elapsedMs: number): SessionCookie {
    if (json === undefined) return new SessionCookie(options, elapsedMs);
    const own = JSON.parse(json) as CookieAttributes;
    const expires = 'maxAge' in own ? undefined : options.expires;
    return new SessionCookie({ ...options, ...own, expires }, elapsedMs);
  }

  /** What an application sets `req.session.cookie` to: a cookie, or one that went through JSON. */
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
    return this._expires && untilThen(this._expires);
  }

  // As in express-session `maxAge` and `expires` take the same: milliseconds from now, or a date.
  set maxAge(value: CookieLife) {
    this.live('maxAge', value);
  }

  get expires(): Date | null {
    return this._expires;
  }

  set expires(value: CookieLife) {
    this.live('expires', value);
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
    for (const name of COMPARED) {
      const wanted = this[name] ?? null;
      if (wanted !== (standard[name] ?? null)) own[name] = wanted;
    }
    if (this.originalMaxAge !== standard.originalMaxAge) own.maxAge = this.originalMaxAge;
    if (Object.keys(own).length === 0) return undefined;
    // Once stored, an attribute that no cookie can have would fail every later request.
    this.serialize('sid', '');
    return own;
  }

  private live(name: 'maxAge' | 'expires', value: CookieLife): void {
    const ends = typeof value === 'number' ? fromNow(value) : value || null;
    if (ends !== null && !isDate(ends)) {
      throw new TypeError(
        `session: cookie.${name} must be a number of milliseconds, a valid Date or null, not ${value}`,
      );
    }
    this._expires = ends;
    this.originalMaxAge = typeof value === 'number' ? value : ends && untilThen(ends);
  }
}

const untilThen = (date: Date): number => date.getTime() - Date.now();

function fromNow(ms: number | null, elapsedMs = 0): Date | null {
  return ms === null ? null : new Date(Date.now() + ms - elapsedMs);
}

// What Redis and the browser are told must be a time: `Number(process.env.UNSET)` is none.
function isDate(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime());
}
