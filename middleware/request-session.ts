import type { Request, Response } from 'express';
import { ToolkitError } from '../src/errors.js';
import type { SessionStore, StoredFields, StoredSession } from '../src/session-store.js';
import { SessionCookie, type SessionCookieOptions, writeSessionId } from './session-cookie.js';
import { createSession, type Session, type SessionHost, serialize } from './session-object.js';

export interface RequestSessionOptions {
  readonly name: string;
  readonly secrets: readonly string[];
  readonly cookie: SessionCookieOptions;
  readonly rolling: boolean;
  readonly saveUninitialized: boolean;
  readonly unset: 'keep' | 'destroy';
  readonly idleTimeoutMs: number;
  readonly genid: (req: Request) => string;
  readonly user?: ((session: Session) => string | undefined) | undefined;
}

const NOTHING: StoredFields = new Map();

/**
 * The session of one request, from the cookie to the save. It compares what the request leaves behind with what
 * was loaded, property by property, and sends only the difference.
 */
export class RequestSession implements SessionHost {
  /** Whether anyone has looked at the session: then the response may be personal. */
  wasRead = false;
  #session: Session | null | undefined;
  #id: string;
  #stored: StoredFields;
  #exists: boolean;
  #idleTimeoutMs: number;
  #user: string | undefined;
  #pending: Promise<void> | undefined;
  readonly #req: Request;
  readonly #res: Response;
  readonly #store: SessionStore;
  readonly #options: RequestSessionOptions;
  readonly #cookieId: string | undefined;

  constructor(
    req: Request,
    res: Response,
    store: SessionStore,
    options: RequestSessionOptions,
    loaded?: { readonly id: string; readonly stored: StoredSession },
  ) {
    this.#req = req;
    this.#res = res;
    this.#store = store;
    this.#options = options;
    this.#id = loaded?.id ?? options.genid(req);
    this.#cookieId = loaded?.id;
    this.#exists = loaded !== undefined;
    this.#stored = loaded?.stored.fields ?? NOTHING;
    this.#idleTimeoutMs = loaded?.stored.idleTimeoutMs ?? options.cookie.maxAge ?? options.idleTimeoutMs;
    this.#open();
    this.#user = this.#session ? options.user?.(this.#session) : undefined;
  }

  get id(): string {
    return this.#id;
  }

  get session(): Session | null | undefined {
    this.wasRead = true;
    return this.#session;
  }

  set session(value: Session | null | undefined) {
    this.wasRead = true;
    this.#session = value;
  }

  regenerate(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#exists) await this.#store.destroy(this.#id, this.#user);
      this.#id = this.#options.genid(this.#req);
      this.#forget();
      this.#idleTimeoutMs = this.#options.cookie.maxAge ?? this.#options.idleTimeoutMs;
      this.#open();
    });
  }

  destroy(): Promise<void> {
    this.#session = undefined;
    return this.#inTurn(async () => {
      const user = this.#user;
      const existed = this.#exists;
      this.#session = undefined;
      this.#forget();
      if (existed) await this.#store.destroy(this.#id, user);
    });
  }

  save(): Promise<void> {
    return this.#inTurn(async () => {
      if (await this.#write()) return;
      throw new ToolkitError(
        'SESSION_NOT_FOUND',
        'session.save: the session has ended (logout or expiry); nothing was stored',
      );
    });
  }

  reload(): Promise<void> {
    return this.#inTurn(async () => {
      const stored = this.#exists ? await this.#store.load(this.#id) : undefined;
      if (!stored) throw new ToolkitError('SESSION_NOT_FOUND', 'session.reload: there is no stored session');
      this.#stored = stored.fields;
      this.#open();
    });
  }

  /** What has to happen before the response may go on, or nothing. */
  settle(headSent: boolean): Promise<void> | undefined {
    // A method that the handler did not wait for; its failure is the response's.
    if (this.#pending) return this.#pending.then(() => this.settle(headSent));
    if (!this.wasRead && !this.#options.rolling && !this.#options.saveUninitialized) return undefined;
    // Without its cookie a new session could never be found again.
    if (headSent && !this.#exists) return undefined;
    if (!this.#session) {
      return this.#exists && this.#options.unset === 'destroy' ? this.destroy() : undefined;
    }
    const modified = this.#isModified();
    const isNew = this.#id !== this.#cookieId;
    const keep = isNew ? modified || this.#exists || this.#options.saveUninitialized : true;
    const wantsCookie = isNew
      ? keep
      : this.#options.rolling || (modified && this.#session.cookie.expires !== null);
    const sendCookie = wantsCookie && !headSent;
    if (keep && (modified || (isNew && !this.#exists))) {
      return this.#inTurn(async () => {
        if ((await this.#write()) && sendCookie) this.#sendCookie();
      });
    }
    if (sendCookie) this.#sendCookie();
    return undefined;
  }

  // One after the other: two saves at once would both create the session.
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#pending ? this.#pending.then(work, work) : work();
    const done = () => {
      if (this.#pending === turn) this.#pending = undefined;
    };
    this.#pending = turn;
    turn.then(done, done);
    return turn;
  }

  #open(): void {
    // A request that set cookie.maxAge ("remember me") chose this session's idle timeout along with it.
    const { cookie, idleTimeoutMs } = this.#options;
    const browserOnly = (cookie.maxAge ?? null) === null && this.#idleTimeoutMs === idleTimeoutMs;
    const maxAge = browserOnly ? null : this.#idleTimeoutMs;
    this.#session = createSession(this.#id, this, new SessionCookie({ ...cookie, maxAge }), this.#stored);
  }

  #forget(): void {
    this.#exists = false;
    this.#stored = NOTHING;
    this.#user = undefined;
  }

  #isModified(): boolean {
    const { set, deleted } = this.#changes(serialize(this.#session!));
    return (
      set.size > 0 ||
      deleted.length > 0 ||
      (this.#exists && this.#wantedIdleTimeout() !== this.#idleTimeoutMs)
    );
  }

  #wantedIdleTimeout(): number {
    return this.#session!.cookie.originalMaxAge ?? this.#options.idleTimeoutMs;
  }

  #changes(now: StoredFields) {
    const set = new Map([...now].filter(([name, json]) => this.#stored.get(name) !== json));
    return { set, deleted: [...this.#stored.keys()].filter((name) => !now.has(name)) };
  }

  // An id that this server has just made is created; any other is updated, which fails when it is gone.
  async #write(): Promise<boolean> {
    const session = this.#session;
    if (!session) return false;
    const fields = serialize(session);
    const idleTimeoutMs = this.#wantedIdleTimeout();
    const user = this.#options.user?.(session);
    if (this.#exists) {
      const users = { before: this.#user, now: user };
      if (!(await this.#store.update(this.#id, this.#changes(fields), idleTimeoutMs, users))) return false;
    } else {
      await this.#store.create(this.#id, fields, idleTimeoutMs, user);
    }
    this.#exists = true;
    this.#stored = fields;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#user = user;
    return true;
  }

  #sendCookie(): void {
    const { name, secrets } = this.#options;
    const cookie = this.#session!.cookie;
    if (this.#options.rolling) cookie.resetMaxAge();
    writeSessionId(this.#req, this.#res, name, this.#id, secrets[0]!, cookie);
  }
}
