import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import type { SessionStore } from '../../src/sessions/index.js';
import { CurrentSession, type KnownSession } from './current-session.js';
import { Turns } from './serial-queue.js';
import type { Changes, SessionDraft } from './session-changes.js';
import type { SessionHost } from './session-object.js';
import type { SessionSettings } from './settings.js';

/** What the methods of `req.session` do, one at a time. */
export class RequestSession {
  readonly current: CurrentSession;
  /** The last command failed. */
  hasFailed = false;
  #wasRegenerated = false;
  readonly #turns = new Turns();
  #ending: Promise<unknown> | undefined;

  constructor(
    req: Request,
    private readonly store: SessionStore,
    settings: SessionSettings,
    loaded?: KnownSession,
    /** The id of a session that may exist, but could not be read. */
    private unread?: string,
  ) {
    this.current = new CurrentSession(req, settings, loaded, (draft) => this.#hostOf(draft));
  }

  /** Settles when the methods that were called are done; fails when one failed and nobody was told. */
  get pending(): Promise<void> | undefined {
    return this.#turns.pending;
  }

  /** The client has to hear of the id even if nothing is written to it. */
  get wasRegenerated(): boolean {
    return this.#wasRegenerated;
  }

  /** Whether there is anything in Redis to destroy. */
  get mayExist(): boolean {
    return this.current.peeked().exists || this.unread !== undefined;
  }

  // Old and new id lie in different slots of a Cluster. That the old one is gone is not waited for here but by
  // `save` and by the response, so that both commands share a round trip.
  regenerate(told = false): Promise<void> {
    return this.#turns.take(async () => {
      const gone = this.#endStored(this.current.opened());
      if (gone) {
        this.#ending = Promise.all([this.#ending, gone]);
        this.#ending.catch(() => undefined);
      }
      this.#wasRegenerated = true;
      this.current.begin();
      this.current.open();
    }, told);
  }

  destroy(told = false): Promise<void> {
    this.current.end(true);
    return this.#turns.take(async () => {
      const draft = this.current.peeked();
      this.current.end(true);
      const gone = this.#endStored(draft);
      if (!gone) return;
      await this.#noting(gone);
      draft.exists = false;
      this.unread = undefined;
    }, told);
  }

  save(draft: SessionDraft, told = false): Promise<void> {
    return this.#turns.take(async () => {
      const current = this.current.opened();
      const isCurrent = draft.id === current.id && !this.current.gone;
      if (isCurrent && (await this.#write(draft))) {
        current.hasNewCookie ||= draft.hasNewCookie;
        return;
      }
      throw new ToolkitError(
        'SESSION_NOT_FOUND',
        'session.save: the session has ended (logout or expiry) or was replaced; nothing was stored',
      );
    }, told);
  }

  /** Stores what changed until the response; false when the session is gone. */
  saveAtEnd(changes: Changes | undefined, then: () => void): Promise<void> {
    return this.#turns.take(async () => {
      if (await this.#write(this.current.peeked(), changes)) then();
    });
  }

  /** Settles when ids that were left behind are gone. */
  ended(): Promise<void> | undefined {
    return this.#ending?.then(() => undefined);
  }

  #hostOf(draft: SessionDraft): SessionHost {
    return {
      regenerate: (told) => this.regenerate(told),
      destroy: (told) => (this.#isCurrent(draft) ? this.destroy(told) : this.#destroyReplaced(draft, told)),
      save: (told) => this.save(draft, told),
      reload: (told) => this.#reload(draft, told),
    };
  }

  #isCurrent(draft: SessionDraft): boolean {
    return draft.id === this.current.opened().id;
  }

  // As in express-session it takes `req.session` away whichever that is; the one that came after is not destroyed.
  #destroyReplaced({ id, user }: SessionDraft, told: boolean): Promise<void> {
    this.current.end(false);
    return this.#turns.take(() => this.store.destroy(id, user), told);
  }

  #reload(draft: SessionDraft, told: boolean): Promise<void> {
    return this.#turns.take(async () => {
      const { exists, id, hasNewCookie } = this.current.opened();
      const stored = exists && this.#isCurrent(draft) ? await this.store.load(id) : undefined;
      if (!stored) throw new ToolkitError('SESSION_NOT_FOUND', 'session.reload: there is no stored session');
      this.current.open({ id, stored }).hasNewCookie = hasNewCookie;
    }, told);
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
      this.hasFailed = hasFailed;
    };
    work.then(note(false), note(true));
    return work;
  }
}
