import { ToolkitError } from '../errors.js';
import { RecentMap } from '../recent-map.js';
import type { Mirror, WriteCopy } from './mirror.js';
import { mustHaveCopy, type OldCopies, type OldCopy, UnusableCopy } from './old-copies.js';
import type { SessionReader, SessionTimeouts } from './session-reader.js';
import { bytesOf, type StoredFields, type StoredSession, SYSTEM_FIELDS } from './stored-session.js';
import type { UserSessions } from './user-sessions.js';

const MAX_KNOWN_SESSIONS = 10_000;
const MAX_ATTEMPTS = 5;

/** An old copy in our form. */
export interface ConvertedSession {
  readonly fields: StoredFields;
  readonly idleTimeoutMs: number;
  readonly savedAt: number | undefined;
}

/** Turns the text of connect-redis into a session. @throws UnusableCopy */
export type ConvertCopy = (id: string, copy: OldCopy) => Promise<ConvertedSession>;

/** Loads sessions, and adopts those that only the old store has. */
export class Adoption {
  // Sessions that this process has seen among ours: their old copies need not be fetched.
  readonly #known = new RecentMap<true>(MAX_KNOWN_SESSIONS);

  constructor(
    private readonly copies: OldCopies,
    private readonly reader: SessionReader,
    private readonly users: UserSessions,
    private readonly maxBytes: number,
    private readonly mirror: Mirror | undefined,
  ) {}

  /** Sessions are also written in the format of connect-redis. */
  get mirrors(): boolean {
    return this.mirror !== undefined;
  }

  /** Writes a session for connect-redis too. Resolves to false when the session has ended, also there. */
  async write(id: string, hash: string, textOf: WriteCopy): Promise<boolean> {
    const isLiving = await this.mirror!.write(this.copies.keyOf(id), hash, textOf);
    if (!isLiving) await this.copies.end(hash);
    return isLiving;
  }

  /** Ends both copies. Resolves to whether there was one. */
  async end(id: string, hash: string): Promise<boolean> {
    const ended = await Promise.all([this.copies.end(hash), this.copies.remove(id)]);
    return ended.includes(true);
  }

  clear(): void {
    this.#known.clear();
  }

  /** @throws UnusableCopy */
  async load(
    id: string,
    hash: string,
    timeouts: SessionTimeouts,
    convert: ConvertCopy,
  ): Promise<StoredSession | undefined> {
    const isKnown = this.#known.get(hash);
    // Both leave in one write. A copy that cannot be used does not matter to a session that is ours already.
    const looking: Promise<OldCopy | boolean | undefined | UnusableCopy> = isKnown
      ? this.copies.exists(id)
      : this.copies.read(id).catch(unusable);
    const [session, found] = await Promise.all([this.reader.load(hash, timeouts), looking]);
    if (session) return this.#stillLiving(id, hash, session, Boolean(found));
    if (!found) return undefined;
    return this.#adopt(id, hash, timeouts, convert, found === true ? undefined : found);
  }

  async #stillLiving(
    id: string,
    hash: string,
    session: StoredSession,
    hasCopy: boolean,
  ): Promise<StoredSession | undefined> {
    // A process of the old application has ended it. The first look may have been older than the read of the session, and
    // then the copy may have been written in between.
    if (!hasCopy && mustHaveCopy(session) && !(await this.copies.exists(id))) {
      await this.copies.end(hash);
      const user = session.fields.get(SYSTEM_FIELDS.user);
      if (user !== undefined) this.users.forgetLater(user, hash);
      return undefined;
    }
    this.#known.set(hash, true);
    if (this.mirror && session.old && session.slidAt === session.readAt) {
      const lifeMs = Math.min(session.idleTimeoutMs, session.expiresAt - session.readAt);
      this.mirror.extendLater(this.copies.keyOf(id), lifeMs);
    }
    return session;
  }

  async #adopt(
    id: string,
    hash: string,
    timeouts: SessionTimeouts,
    convert: ConvertCopy,
    found: OldCopy | UnusableCopy | undefined,
  ): Promise<StoredSession | undefined> {
    let read = found;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const copy = read ?? (await this.copies.read(id));
      if (copy === undefined) return undefined;
      if (copy instanceof UnusableCopy) throw copy;
      const { fields, idleTimeoutMs, savedAt } = await convert(id, copy);
      this.#refuseOversize(fields);
      const user = fields.get(SYSTEM_FIELDS.user);
      // The index comes first, as at a login: whoever ends all sessions of the user finds this one, or notes a moment
      // that refuses it.
      const indexed = user === undefined ? undefined : this.users.add(user, hash, 'NX');
      const adoptable = { id, hash, copy, fields: [...fields].flat(), user, idleTimeoutMs, savedAt };
      const [outcome, session] = await Promise.all([
        this.copies.adopt(adoptable),
        this.reader.loadAgain(hash, timeouts),
        indexed,
      ]);
      if (outcome === 'adopted' || outcome === 'exists') {
        this.#known.set(hash, true);
        // A server that did not know the script has run it after the load.
        return session ?? this.reader.loadAgain(hash, timeouts);
      }
      // The entry in the index stays: another process may be adopting the session. `list` removes what is left over.
      if (outcome !== 'changed') return undefined;
      read = undefined;
    }
    throw new ToolkitError(
      'REDIS_UNAVAILABLE',
      'session: the old copy changed again and again during its adoption',
    );
  }

  #refuseOversize(fields: StoredFields): void {
    const bytes = bytesOf(fields);
    if (bytes > this.maxBytes) throw new UnusableCopy(`it has ${bytes} bytes, which is more than maxBytes`);
  }
}

function unusable(error: unknown): UnusableCopy {
  if (error instanceof UnusableCopy) return error;
  throw error;
}
