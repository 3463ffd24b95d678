import { ToolkitError } from '../../src/errors.js';
import type { StoredSession } from '../../src/sessions/index.js';
import { CurrentSession } from './current-session.js';
import { type LossReason, lossError } from './lost-changes.js';
import type { RequestContext } from './request-context.js';
import { SerialQueue } from './serial-queue.js';
import type { Changes, TrackedSession } from './session-changes.js';
import type { SessionHost } from './session-object.js';
import { askUser } from './session-owner.js';

/**
 * Everything that a request does to its session in Redis, one command at a time: the methods of `req.session`, and
 * the save at the end. With `isHandled` a callback receives the failure, so that the response need not fail as well.
 */
export class RequestSession {
  readonly current: CurrentSession;
  /** The last command failed. */
  hasFailed = false;
  #wasRegenerated = false;
  readonly #queue = new SerialQueue();
  #ending: Promise<unknown> | undefined;

  #unread: readonly string[];

  constructor(private readonly context: RequestContext) {
    this.#unread = context.unread;
    this.current = new CurrentSession(context, (tracked) => this.#hostOf(tracked));
  }

  /** Settles when all of it is done; rejects when one failed and no callback received its error. */
  get pending(): Promise<void> | undefined {
    return this.#queue.pending;
  }

  /** The client must receive the new id even if the application writes nothing to the session. */
  get wasRegenerated(): boolean {
    return this.#wasRegenerated;
  }

  /** The user that the session belongs to. */
  get user(): string | undefined {
    const { session } = this.current;
    const { user } = this.context.settings;
    return session && user ? askUser(user, session) : undefined;
  }

  /** There may be a session in Redis to destroy. */
  get mayExist(): boolean {
    return this.current.peek().exists || this.#unread.length > 0;
  }

  // Old and new id lie in different slots of a Cluster. The end of the old one is awaited by `save` and by the response,
  // not here, so that both commands share a round trip.
  regenerate(isHandled = false): Promise<void> {
    return this.#queue.add(async () => {
      const ending = this.#endStored(this.current.read());
      if (ending) {
        this.#ending = Promise.all([this.#ending, ending]);
        this.#ending.catch(() => undefined);
      }
      this.#wasRegenerated = true;
      this.current.restore();
      this.current.replace();
    }, isHandled);
  }

  destroy(isHandled = false): Promise<void> {
    this.current.remove(true);
    return this.#queue.add(async () => {
      const tracked = this.current.peek();
      this.current.remove(true);
      const ending = this.#endStored(tracked);
      if (!ending) return;
      await this.#notingFailure(ending);
      tracked.exists = false;
      this.#unread = [];
    }, isHandled);
  }

  save(tracked: TrackedSession, isHandled = false): Promise<void> {
    return this.#queue.add(async () => {
      const current = this.current.read();
      const isCurrent = tracked.id === current.id && !this.current.removal;
      const loss = isCurrent ? await this.#write(tracked) : 'ended';
      if (loss) throw lossError(loss);
      current.hasNewCookie ||= tracked.hasNewCookie;
    }, isHandled);
  }

  /** Stores the changes that were made until the response. Resolves to the reason if they cannot be stored. */
  async saveAtEnd(changes: Changes | undefined): Promise<LossReason | undefined> {
    let loss: LossReason | undefined;
    await this.#queue.add(async () => {
      loss = await this.#write(this.current.peek(), changes);
    });
    return loss;
  }

  /** Settles when Redis has removed the sessions that `regenerate` left behind. */
  ended(): Promise<void> | undefined {
    return this.#ending?.then(() => undefined);
  }

  #hostOf(tracked: TrackedSession): SessionHost {
    return {
      regenerate: (isHandled) => this.regenerate(isHandled),
      destroy: (isHandled) =>
        this.#isCurrent(tracked) ? this.destroy(isHandled) : this.#destroyReplaced(tracked, isHandled),
      save: (isHandled) => this.save(tracked, isHandled),
      reload: (isHandled) => this.#reload(tracked, isHandled),
    };
  }

  #isCurrent(tracked: TrackedSession): boolean {
    return tracked.id === this.current.read().id;
  }

  // As in express-session, this takes `req.session` away even if that is a later session. The later one is not destroyed.
  #destroyReplaced({ id, user }: TrackedSession, isHandled: boolean): Promise<void> {
    this.current.remove(false);
    return this.#queue.add(() => this.#end(id, user), isHandled);
  }

  #reload(tracked: TrackedSession, isHandled: boolean): Promise<void> {
    return this.#queue.add(async () => {
      const { exists, id, hasNewCookie } = this.current.read();
      const stored = exists && this.#isCurrent(tracked) ? await this.#peek(id) : undefined;
      if (!stored)
        throw new ToolkitError(
          'SESSION_NOT_FOUND',
          'session.reload: failed to load session: there is no stored session',
        );
      this.current.replace({ id, stored }).hasNewCookie = hasNewCookie;
    }, isHandled);
  }

  async #peek(id: string): Promise<StoredSession | undefined> {
    const { store, availability, req } = this.context;
    try {
      return await store.peek(id);
    } catch (error) {
      availability.failed('read', error, req);
      throw error;
    }
  }

  #endStored({ exists, id, user }: TrackedSession): Promise<void> | undefined {
    if (exists) return this.#end(id, user);
    if (this.#unread.length === 0) return undefined;
    return Promise.all(this.#unread.map((unread) => this.#end(unread))).then(() => undefined);
  }

  async #end(id: string, user?: string): Promise<void> {
    await this.context.store.destroy(id, user, this.context.req);
  }

  async #write(tracked: TrackedSession, changes?: Changes): Promise<LossReason | undefined> {
    // Without its cookie a new session could never be found again.
    if (!tracked.exists && this.context.headSent) return 'response begun';
    if (!tracked.exists && !this.#maySendCookie(tracked)) return undefined;
    const [isWritten] = await this.#notingFailure(
      Promise.all([tracked.write(this.context.store, changes), this.#ending]),
    );
    this.hasFailed = !isWritten;
    return isWritten ? undefined : 'ended';
  }

  #maySendCookie({ session }: TrackedSession): boolean {
    const { req, settings } = this.context;
    return settings.maySend(req, session.cookie);
  }

  #notingFailure<Result>(work: Promise<Result>): Promise<Result> {
    const { availability, req } = this.context;
    work.then(
      () => {
        this.hasFailed = false;
        availability.succeeded('write');
      },
      (error) => {
        this.hasFailed = true;
        availability.failed('write', error, req);
      },
    );
    return work;
  }
}
