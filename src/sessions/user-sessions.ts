import { clockFor } from '../diagnostics.js';
import type { Keys } from '../keys.js';
import { loadScript, type RedisLink } from '../redis/index.js';
import { endSession } from './end-session.js';
import { publishEnded } from './session-events.js';
import type { SessionReader, SessionTimeouts } from './session-reader.js';
import { type StoredSession, SYSTEM_FIELDS } from './stored-session.js';

const indexSession = loadScript('index-session');
const forgetSessions = loadScript('forget-sessions');
const stampEnded = loadScript('stamp-sessions-ended');

// Longer than any deadline: a login that entered the index this long ago has written its session, or has failed.
const SPARED_MS = 60_000;
// Browsers keep no cookie longer (RFC 6265bis): an old copy that was saved earlier has no cookie any more.
const LONGEST_COOKIE_MS = 400 * 86_400_000;

/** The device of a login, as the option `device` described it. */
export type SessionDevice = Readonly<Record<string, string>>;

/** A session of a user, for a "your devices" page. The handle names it, and cannot be used as a cookie. */
export interface SessionSummary {
  readonly handle: string;
  readonly createdAt: Date;
  /** Correct to the minute, or to a twentieth of the idle timeout if that is less. */
  readonly lastSeenAt: Date;
  /** The device of the login, as the option `device` described it. */
  readonly device?: SessionDevice;
}

export interface UserSessionsOptions extends SessionTimeouts {
  readonly timeoutMs: number;
  readonly maxPerUser?: number | undefined;
  /** `session` may adopt old copies of sessions, which are not in the index before. */
  readonly mayAdopt?: boolean;
}

/**
 * The index of each user's sessions. The index and the sessions lie in different hash slots of a Cluster, so no script
 * sees both. This rule holds instead: a session that names a user is in that user's index. Therefore a login enters the
 * index first, and an entry is removed only when its session is known to be gone, or has had another user for a while.
 */
export class UserSessions {
  readonly #link: RedisLink;
  readonly #names: Keys;
  readonly #reader: SessionReader;
  readonly #ask: { readonly timeoutMs: number };
  readonly #timeouts: SessionTimeouts;
  readonly #maxPerUser: number;
  readonly #mayAdopt: boolean;

  constructor(link: RedisLink, names: Keys, reader: SessionReader, options: UserSessionsOptions) {
    this.#link = link;
    this.#names = names;
    this.#reader = reader;
    this.#ask = { timeoutMs: options.timeoutMs };
    this.#timeouts = options;
    this.#maxPerUser = options.maxPerUser ?? 0;
    this.#mayAdopt = options.mayAdopt ?? false;
  }

  /** Enters a session into the index. Resolves to all handles, oldest first, if they are more than `maxPerUser`. */
  add(user: string, handle: string, when: 'GT' | 'NX' = 'GT'): Promise<string[]> {
    const args = [handle, this.#timeouts.absoluteTimeoutMs, SPARED_MS, this.#maxPerUser, when];
    return this.#link.run<string[]>(indexSession, [this.#names.userSessions(user)], args, this.#ask);
  }

  /**
   * Ends the oldest sessions beyond `maxPerUser`. This session is written by now, and so are those of all logins that
   * called this before. Its position must not change any more, or parallel logins would end different sessions.
   */
  async addAndMakeRoom(user: string, handle: string): Promise<void> {
    const handles = await this.add(user, handle, 'NX');
    if (handles.length === 0) return;
    const sessions = await Promise.all(handles.map((each) => this.#read(user, each)));
    const living = handles.filter((_, i) => sessions[i]);
    await this.#endAll(user, living.slice(0, Math.max(0, living.length - this.#maxPerUser)));
  }

  /** Removes a destroyed session from the index. Nobody waits for this: the next `list` finds a leftover entry. */
  forgetLater(user: string, handle: string): void {
    this.#forget(user, [handle], 0).catch(() => undefined);
  }

  /** Lists the live sessions of a user, oldest login first. */
  async list(user: string): Promise<SessionSummary[]> {
    const handles = await this.#handlesOf(user);
    const sessions = await Promise.all(handles.map((handle) => this.#read(user, handle)));
    const gone = handles.filter((_, i) => !sessions[i]);
    await this.#forget(user, gone, SPARED_MS);
    return sessions.flatMap((session, i) => (session ? [summary(handles[i]!, session)] : []));
  }

  /** Ends one session of a user. Resolves to whether the session existed. */
  async end(user: string, handle: string): Promise<boolean> {
    return (await this.#endAll(user, [handle])) === 1;
  }

  /** Ends all sessions of a user except one. Resolves to the number of sessions ended. */
  async endAll(user: string, except?: string): Promise<number> {
    // Before the index is read: a session that is adopted meanwhile is in the index, or finds the stamp.
    if (this.#mayAdopt) await this.#stampEnd(user);
    const handles = await this.#handlesOf(user);
    return this.#endAll(
      user,
      handles.filter((handle) => handle !== except),
    );
  }

  /** Records that all sessions of a user were ended: copies that were last saved before are not adopted any more. */
  async #stampEnd(user: string): Promise<void> {
    const stamps = [this.#names.userSessionsEnded(user)];
    await this.#link.run<string>(stampEnded, stamps, [LONGEST_COOKIE_MS], this.#ask);
  }

  #handlesOf(user: string): Promise<string[]> {
    return this.#link.send<string[]>('zrange', [this.#names.userSessions(user), 0, -1], this.#ask);
  }

  async #read(user: string, handle: string): Promise<StoredSession | undefined> {
    const session = await this.#reader.peek(handle, this.#timeouts);
    return session?.fields.get(SYSTEM_FIELDS.user) === user ? session : undefined;
  }

  async #endAll(user: string, handles: readonly string[]): Promise<number> {
    const ended = await Promise.all(handles.map((handle) => this.#end(user, handle)));
    const gone = handles.filter((_, i) => ended[i]);
    const unsure = handles.filter((_, i) => !ended[i]);
    await Promise.all([this.#forget(user, gone, 0), this.#forget(user, unsure, SPARED_MS)]);
    return gone.length;
  }

  async #end(user: string, handle: string): Promise<boolean> {
    const { timeoutMs } = this.#ask;
    const began = clockFor('session-destroyed');
    const { ended, oldKey } = await endSession(this.#link, this.#names, handle, { user, timeoutMs });
    if (oldKey) await this.#link.send<number>('unlink', [oldKey], this.#ask);
    if (ended) publishEnded(handle, began);
    return ended;
  }

  async #forget(user: string, handles: readonly string[], sparedMs: number): Promise<void> {
    if (handles.length === 0) return;
    const args = [sparedMs, ...handles];
    await this.#link.run<number>(forgetSessions, [this.#names.userSessions(user)], args, this.#ask);
  }
}

function summary(handle: string, { createdAt, lastSeenAt, fields }: StoredSession): SessionSummary {
  const device = fields.get(SYSTEM_FIELDS.device);
  return {
    handle,
    createdAt: new Date(createdAt),
    lastSeenAt: new Date(lastSeenAt),
    ...(device === undefined ? {} : { device: JSON.parse(device) as SessionDevice }),
  };
}
