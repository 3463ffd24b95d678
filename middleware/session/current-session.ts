import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import type { StoredSession } from '../../src/sessions/index.js';
import { SessionDraft } from './session-changes.js';
import type { Session, SessionHost } from './session-object.js';
import type { SessionSettings } from './settings.js';

/** A session that is in Redis. */
export interface KnownSession {
  readonly id: string;
  readonly stored: StoredSession;
}

/** What `req.session` and `req.sessionID` are at the moment. */
export class CurrentSession {
  /** Whether anyone has looked at the session: then the response may be personal. */
  wasRead = false;
  #draft: SessionDraft | undefined;
  #unset: { readonly value: null | undefined; readonly destroys: boolean } | undefined;
  #withoutId: { readonly value: unknown } | undefined;

  constructor(
    private readonly req: Request,
    private readonly settings: SessionSettings,
    private readonly known: KnownSession | undefined,
    private readonly hostOf: (draft: SessionDraft) => SessionHost,
  ) {}

  get id(): string {
    return this.#withoutId ? (this.#withoutId.value as string) : this.opened().id;
  }

  // As in express-session an id that is no text means that nothing is stored or sent.
  set id(value: unknown) {
    if (typeof value !== 'string') this.#withoutId = { value };
    else if (value === this.opened().id) this.#withoutId = undefined;
    else throw replaced('req.sessionID cannot be another id; see option "genid", or req.session.regenerate');
  }

  get session(): Session | null | undefined {
    const { session } = this.opened();
    return this.#unset ? this.#unset.value : session;
  }

  set session(value: Session | null | undefined) {
    const { session } = this.opened();
    if (value === session) this.#unset = undefined;
    else if (value) {
      throw replaced('req.session cannot be another object; change its properties, or set it to null');
    } else {
      const destroys = this.settings.unset === 'destroy' && (value ?? undefined) === undefined;
      this.#unset = { value, destroys };
    }
  }

  /** Whether the application has taken `req.session` away, and whether what is stored goes with it. */
  get gone(): { readonly destroys: boolean } | undefined {
    if (this.#unset) return this.#unset;
    // `delete req.session` takes the property away.
    return Object.hasOwn(this.req, 'session') ? undefined : { destroys: this.settings.unset === 'destroy' };
  }

  get hasNoId(): boolean {
    return this.#withoutId !== undefined;
  }

  get isOpen(): boolean {
    return this.#draft !== undefined;
  }

  /** The draft, made at the first look: until then nothing is parsed, and no id is made. */
  opened(): SessionDraft {
    this.wasRead = true;
    return this.peeked();
  }

  /** The same, but nobody has looked at it. */
  peeked(): SessionDraft {
    return this.#draft ?? this.open(this.known);
  }

  /** From now on `req.session` is another one: a stored one, or one with a new id. */
  open(known?: KnownSession): SessionDraft {
    const { req, settings } = this;
    const id = known?.id ?? settings.genid(req);
    if (typeof id !== 'string' || id === '') {
      throw new ToolkitError('OPTION_INVALID', 'session: genid must return a non-empty string');
    }
    const draft = new SessionDraft(id, this.hostOf, req, settings, settings.attributes(req), known?.stored);
    this.#draft = draft;
    return draft;
  }

  /** Takes `req.session` away. */
  end(destroys: boolean): void {
    this.#unset = { value: undefined, destroys };
  }

  /** Gives it back. */
  begin(): void {
    this.#unset = undefined;
  }
}

function replaced(what: string): ToolkitError {
  return new ToolkitError('SESSION_REPLACED', `session: ${what}`);
}
