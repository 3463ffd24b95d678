import type { Request, Response } from 'express';
import { ToolkitError } from '../src/errors.js';
import type { StoredSession } from '../src/session-record.js';
import type { SessionStore } from '../src/session-store.js';
import { type Changes, SessionDraft } from './session-draft.js';
import { writeSessionId } from './session-id.js';
import type { Session, SessionHost } from './session-object.js';
import type { SessionSettings } from './session-settings.js';
import { Turns } from './turns.js';

/** The session that a request's cookie named. */
export interface LoadedSession {
  readonly id: string;
  /** The cookie's signature is by an older secret. */
  readonly stale: boolean;
  readonly stored: StoredSession;
}

/** The session of one request, from the cookie to the save. */
export class RequestSession {
  /** Whether anyone has looked at the session: then the response may be personal. */
  wasRead = false;
  #draft: SessionDraft | undefined;
  #unset: { readonly value: null | undefined; readonly destroys?: boolean } | undefined;
  #regenerated = false;
  #hasFailed = false;
  readonly #turns = new Turns();
  #ending: Promise<unknown> | undefined;

  constructor(
    private readonly req: Request,
    private readonly store: SessionStore,
    private readonly options: SessionSettings,
    /** The first of these signs. */
    private readonly secrets: readonly string[],
    private readonly loaded?: LoadedSession,
    /** The id of a session that may exist, but could not be read. */
    private unread?: string,
  ) {}

  get id(): string {
    return this.#opened().id;
  }

  get session(): Session | null | undefined {
    const { session } = this.#opened();
    return this.#unset ? this.#unset.value : session;
  }

  set session(value: Session | null | undefined) {
    const { session } = this.#opened();
    if (value === null || value === undefined) this.#unset = { value };
    else if (value === session) this.#unset = undefined;
    else {
      throw new ToolkitError(
        'SESSION_REPLACED',
        'session: req.session cannot be another object; change its properties, or set it to null',
      );
    }
  }

  // Old and new id lie in different slots of a Cluster. That the old one is gone is not waited for here but by
  // `save` and by the response, so that both commands share a round trip.
  regenerate(): Promise<void> {
    return this.#turns.take(async () => {
      const gone = this.#endStored(this.#opened());
      if (gone) {
        this.#ending = Promise.all([this.#ending, gone]);
        this.#ending.catch(() => undefined);
      }
      this.#regenerated = true;
      this.#unset = undefined;
      this.#open();
    });
  }

  async #destroyReplaced({ id, user }: SessionDraft): Promise<void> {
    await this.#turns.take(() => this.store.destroy(id, user));
  }

  destroy(of?: SessionDraft): Promise<void> {
    // Of a session that was replaced: the one that came after it stays.
    if (of && of.id !== this.#opened().id) return this.#destroyReplaced(of);
    this.#unset = { value: undefined, destroys: true };
    return this.#turns.take(async () => {
      const draft = this.#opened();
      this.#unset = { value: undefined, destroys: true };
      const gone = this.#endStored(draft);
      if (!gone) return;
      await this.#noting(gone);
      draft.exists = false;
      this.unread = undefined;
    });
  }

  save(draft: SessionDraft): Promise<void> {
    return this.#turns.take(async () => {
      const current = this.#opened();
      const isCurrent = draft.id === current.id && !this.#unset;
      if (isCurrent && (await this.#write(draft))) {
        current.hasNewCookie ||= draft.hasNewCookie;
        return;
      }
      throw new ToolkitError(
        'SESSION_NOT_FOUND',
        'session.save: the session has ended (logout or expiry) or was replaced; nothing was stored',
      );
    });
  }

  reload(): Promise<void> {
    return this.#turns.take(async () => {
      const { exists, id, hasNewCookie } = this.#opened();
      const stored = exists ? await this.store.load(id) : undefined;
      if (!stored) throw new ToolkitError('SESSION_NOT_FOUND', 'session.reload: there is no stored session');
      this.#open({ id, stored }).hasNewCookie = hasNewCookie;
    });
  }

  /** What has to happen before the response may go on, or nothing. */
  settle(res: Response, headSent: boolean): Promise<void> | undefined {
    // A method that the handler did not wait for; its failure is the response's.
    const { pending } = this.#turns;
    if (pending) return pending.then(() => this.settle(res, headSent));
    const { rolling, saveUninitialized, unset } = this.options;
    if (!this.#draft && !rolling && !saveUninitialized && !this.loaded?.stale) return undefined;
    // The application knows, and says so. Any other answer would promise what was not stored.
    if (this.#hasFailed && res.statusCode >= 400) return undefined;
    const draft = this.#draft ?? this.#open(this.loaded);
    // `delete req.session` takes the property away.
    if (this.#unset || !Object.hasOwn(this.req, 'session')) {
      const destroys = unset === 'destroy' || this.#unset?.destroys;
      return destroys && (draft.exists || this.unread) ? this.destroy() : this.#whenEnded();
    }
    // Without its cookie a new session could never be found again.
    if (headSent && !draft.exists) return this.#whenEnded();
    const changes = draft.changes();
    if (changes || (!draft.exists && (saveUninitialized || this.#regenerated))) {
      return this.#turns.take(async () => {
        if ((await this.#write(draft, changes)) && !headSent) this.#sendCookie(res, draft);
      });
    }
    if (!headSent) this.#sendCookie(res, draft);
    return this.#whenEnded();
  }

  /** The draft, made at the first look: until then nothing is parsed, and no id is made. */
  #opened(): SessionDraft {
    this.wasRead = true;
    return this.#draft ?? this.#open(this.loaded);
  }

  #open(known?: { readonly id: string; readonly stored: StoredSession }): SessionDraft {
    const { req, options } = this;
    const id = known?.id ?? options.genid(req);
    if (typeof id !== 'string' || id === '') {
      throw new ToolkitError('OPTION_INVALID', 'session: genid must return a non-empty string');
    }
    const host: SessionHost = {
      regenerate: () => this.regenerate(),
      destroy: () => this.destroy(draft),
      save: () => this.save(draft),
      reload: () => this.reload(),
    };
    const draft = new SessionDraft(id, host, req, options, options.attributes(req), known?.stored);
    this.#draft = draft;
    return draft;
  }

  #endStored({ exists, id, user }: SessionDraft): Promise<void> | undefined {
    if (exists) return this.store.destroy(id, user);
    return this.unread === undefined ? undefined : this.store.destroy(this.unread);
  }

  async #write(draft: SessionDraft, changes?: Changes): Promise<boolean> {
    const [written] = await this.#noting(Promise.all([draft.write(this.store, changes), this.#ending]));
    return written;
  }

  #noting<Result>(work: Promise<Result>): Promise<Result> {
    const note = (hasFailed: boolean) => () => {
      this.#hasFailed = hasFailed;
    };
    work.then(note(false), note(true));
    return work;
  }

  #whenEnded(): Promise<void> | undefined {
    return this.#ending?.then(() => undefined);
  }

  #sendCookie(res: Response, draft: SessionDraft): void {
    const { rolling, name, maySend } = this.options;
    const isNew = draft.id !== this.loaded?.id;
    const wanted = isNew ? draft.exists : rolling || this.loaded?.stale || draft.hasNewCookie;
    const { cookie } = draft.session;
    if (!wanted || !maySend(this.req, cookie)) return;
    cookie.resetMaxAge();
    writeSessionId(res, name, draft.id, this.secrets[0]!, cookie);
  }
}
