import { ToolkitError } from '../../src/errors.js';
import { resultError } from './callback-results.js';
import type { KnownSession, RequestContext } from './request-context.js';
import type { Session, SessionHost } from './session-object.js';
import { TrackedSession } from './tracked-session.js';

/** The application has taken `req.session` away. With `destroys` the stored session goes too. */
export interface Removal {
  readonly destroys: boolean;
}

/** The present values of `req.session` and `req.sessionID`. */
export class CurrentSession {
  /** The application has read or set the session: then the response may be personal. */
  wasRead = false;
  #tracked: TrackedSession | undefined;
  #removal: (Removal & { readonly value: null | undefined }) | undefined;
  #unusableId: { readonly value: unknown } | undefined;

  constructor(
    private readonly context: RequestContext,
    private readonly hostOf: (tracked: TrackedSession) => SessionHost,
  ) {}

  get id(): string {
    return this.#unusableId ? (this.#unusableId.value as string) : this.read().id;
  }

  // As in express-session, with an id that is not text nothing is stored or sent.
  set id(value: unknown) {
    if (typeof value !== 'string') this.#unusableId = { value };
    else if (value === this.read().id) this.#unusableId = undefined;
    else
      throw replacedError(
        'req.sessionID cannot be another id; see option "genid", or req.session.regenerate',
      );
  }

  get session(): Session | null | undefined {
    const { session } = this.read();
    return this.#removal ? this.#removal.value : session;
  }

  set session(value: Session | null | undefined) {
    const { session } = this.read();
    if (value === session) this.#removal = undefined;
    else if (value) {
      throw replacedError('req.session cannot be another object; change its properties, or set it to null');
    } else {
      const destroys = this.context.settings.unset === 'destroy' && (value ?? undefined) === undefined;
      this.#removal = { value, destroys };
    }
  }

  get removal(): Removal | undefined {
    if (this.#removal) return this.#removal;
    // `delete req.session` removes the property from the request.
    return Object.hasOwn(this.context.req, 'session')
      ? undefined
      : { destroys: this.context.settings.unset === 'destroy' };
  }

  get hasUnusableId(): boolean {
    return this.#unusableId !== undefined;
  }

  get isOpen(): boolean {
    return this.#tracked !== undefined;
  }

  /** The session for the application. The first call makes it: until then no JSON is parsed, and no id is made. */
  read(): TrackedSession {
    this.wasRead = true;
    return this.peek();
  }

  /** The session for the toolkit: it does not count as read. */
  peek(): TrackedSession {
    return this.#tracked ?? this.replace(this.context.loaded);
  }

  /** Makes `req.session` another one: a stored one, or one with a new id. */
  replace(known?: KnownSession): TrackedSession {
    const { req, settings } = this.context;
    const id: unknown = known?.id ?? settings.genid(req);
    if (typeof id !== 'string' || id === '') throw resultError('genid', 'a non-empty string', id);
    this.#tracked = new TrackedSession(
      id,
      this.hostOf,
      req,
      settings,
      settings.attributes(req),
      known?.stored,
    );
    return this.#tracked;
  }

  /** Takes `req.session` away. */
  remove(destroys: boolean): void {
    this.#removal = { value: undefined, destroys };
  }

  /** Gives `req.session` back. */
  restore(): void {
    this.#removal = undefined;
  }
}

function replacedError(complaint: string): ToolkitError {
  return new ToolkitError('SESSION_REPLACED', `session: ${complaint}`);
}
