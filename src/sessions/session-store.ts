import { createHash } from 'node:crypto';
import { clockFor } from '../diagnostics.js';
import type { ToolkitError } from '../errors.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient, type Script, whenReset } from '../redis/index.js';
import { Adoption, type ConvertCopy } from './adoption.js';
import { Mirror, type WriteCopy } from './mirror.js';
import { OldCopies } from './old-copies.js';
import { publishEnded, publishLoaded, publishSaved } from './session-events.js';
import { SessionReader } from './session-reader.js';
import { refuseOversize, sessionTooLarge } from './session-size.js';
import { NOT_SHORT, shortUpdate } from './short-update.js';
import {
  hashId,
  isSystemField,
  pairs,
  type SessionChanges,
  type StoredFields,
  type StoredSession,
  SYSTEM_FIELDS,
} from './stored-session.js';
import { UserSessions, type UserSessionsOptions } from './user-sessions.js';

const createSession = loadScript('create-session');
const updateSession = loadScript('update-session');

export interface SessionStoreOptions extends UserSessionsOptions {
  readonly prefix: string;
  readonly maxBytes: number;
  /** Hears that a session was read whose expiry could not slide, because Redis takes no writes. */
  readonly onUnslid?: (error: ToolkitError) => void;
  /** Sessions of connect-redis are adopted. */
  readonly adopt?: AdoptFrom | undefined;
}

/** Where connect-redis keeps its sessions, and what becomes of them. */
export interface AdoptFrom {
  readonly prefix: string;
  readonly remove: boolean;
  readonly mirror: boolean;
}

/** `true`; `false` when the session has ended; or the values that other requests gave to the properties meanwhile. */
export type Updated = boolean | { readonly theirs: StoredFields };

/** Sessions in Redis. Each is a hash with one JSON field per property, so that writes of different properties both count. */
export class SessionStore {
  readonly users: UserSessions;
  readonly #link;
  readonly #names;
  readonly #reader: SessionReader;
  readonly #ask: { readonly timeoutMs: number };
  readonly #options: SessionStoreOptions;
  readonly #adoption: Adoption | undefined;

  constructor(redis: RedisClient, options: SessionStoreOptions) {
    this.#options = options;
    this.#ask = { timeoutMs: options.timeoutMs };
    this.#link = linkTo(redis);
    this.#names = keys(options.prefix);
    this.#reader = new SessionReader(this.#link, this.#names, this.#ask, options.onUnslid);
    const { adopt, maxBytes } = options;
    const copies = adopt && new OldCopies(redis, this.#link, this.#names, { ...options, ...adopt });
    const mayAdopt = adopt !== undefined;
    this.users = new UserSessions(this.#link, this.#names, this.#reader, { ...options, mayAdopt });
    const mirror = adopt?.mirror ? new Mirror(redis, this.#link, this.#names, this.#ask) : undefined;
    this.#adoption = copies && new Adoption(copies, this.#reader, this.users, maxBytes, mirror);
    for (const memory of [this.#reader, this.#adoption]) whenReset(redis, () => memory?.clear());
  }

  /** Sessions are also written in the format of connect-redis, by `mirror`. */
  get mirrors(): boolean {
    return this.#adoption?.mirrors ?? false;
  }

  /** Reads a session and slides its idle expiry. Takes one round trip. */
  async load(id: string, convert?: ConvertCopy, request?: object): Promise<StoredSession | undefined> {
    const hash = hashId(id);
    const began = clockFor('session-loaded');
    const session =
      this.#adoption && convert
        ? await this.#adoption.load(id, hash, this.#options, convert)
        : await this.#reader.load(hash, this.#options);
    publishLoaded(hash, session !== undefined, began, request);
    return session;
  }

  /** Reads a session and leaves its expiry as it is. */
  peek(id: string): Promise<StoredSession | undefined> {
    return this.#reader.peek(hashId(id), this.#options);
  }

  /**
   * Stores a new session. Resolves to false when the id is in use.
   *
   * @throws ToolkitError `SESSION_TOO_LARGE`, `REDIS_UNAVAILABLE`
   */
  async create(id: string, fields: StoredFields, idleTimeoutMs: number, request?: object): Promise<boolean> {
    const { absoluteTimeoutMs, maxBytes, maxPerUser } = this.#options;
    refuseOversize(fields, maxBytes);
    const began = clockFor('session-saved');
    const hash = hashId(id);
    const user = fields.get(SYSTEM_FIELDS.user);
    const created = this.#run<number>(createSession, hash, [
      idleTimeoutMs,
      absoluteTimeoutMs,
      ...flat(fields),
    ]);
    // Both leave together: if only one succeeds, the id of the session never leaves this server.
    const indexed = user !== undefined && !maxPerUser ? this.users.add(user, hash) : undefined;
    const [isNew] = await Promise.all([created, indexed]);
    if (isNew === 0) return false;
    if (user !== undefined && maxPerUser) await this.users.addAndMakeRoom(user, hash);
    publishSaved(hash, 'created', began, request);
    return true;
  }

  /** Writes changed properties of a stored session. */
  async update(
    id: string,
    changes: SessionChanges,
    idleTimeoutMs: number,
    request?: object,
  ): Promise<Updated> {
    const began = clockFor('session-saved');
    const hash = hashId(id);
    const newUser = changes.set.get(SYSTEM_FIELDS.user);
    // The index comes first: "log out everywhere" could not end a session that its user's index lacks.
    if (newUser !== undefined) await this.users.add(newUser, hash);
    const updated = await this.#write(hash, changes, idleTimeoutMs);
    if (newUser !== undefined && updated === true && this.#options.maxPerUser) {
      await this.users.addAndMakeRoom(newUser, hash);
    }
    publishSaved(hash, updated === true ? 'updated' : updated ? 'conflict' : 'absent', began, request);
    return updated;
  }

  /** Ends a session. Resolves to whether there was one. */
  async destroy(id: string, user?: string, request?: object): Promise<boolean> {
    const hash = hashId(id);
    const began = clockFor('session-destroyed');
    const ended = this.#adoption
      ? await this.#adoption.end(id, hash)
      : (await this.#link.send<number>('unlink', [this.#names.session(hash)], this.#ask)) === 1;
    // Not earlier: a live session must stay in its user's index.
    if (user !== undefined) this.users.forgetLater(user, hash);
    if (ended) publishEnded(hash, began, request);
    return ended;
  }

  /** Writes a session for connect-redis too. Resolves to false when the session has ended, also there. */
  mirror(id: string, textOf: WriteCopy): Promise<boolean> {
    return this.#adoption!.write(id, hashId(id), textOf);
  }

  async #write(hash: string, changes: SessionChanges, idleTimeoutMs: number): Promise<Updated> {
    const { set, deleted } = changes;
    const { maxBytes } = this.#options;
    refuseOversize(set, maxBytes);
    // The timeout belongs to the cookie: a request that did not change the cookie may have loaded an older one.
    const hasNewCookie = set.has(SYSTEM_FIELDS.cookie) || deleted.includes(SYSTEM_FIELDS.cookie);
    const sizes = [hasNewCookie ? idleTimeoutMs : '', maxBytes, set.size, deleted.length];
    const short = hasNewCookie ? NOT_SHORT : shortUpdate(changes, maxBytes, this.#reader.now());
    const args = [...sizes, ...short, ...flat(set), ...deleted, ...expectations(changes)];
    const [outcome, ...rest] = await this.#run<string[]>(updateSession, hash, args);
    if (outcome === 'too large') throw sessionTooLarge(Number(rest[0]), maxBytes, set);
    return outcome === 'conflict' ? { theirs: pairs(rest) } : outcome === 'saved';
  }

  #run<Reply>(script: Script, hash: string, args: readonly (string | number)[]): Promise<Reply> {
    return this.#link.run<Reply>(script, [this.#names.session(hash)], args, this.#ask);
  }
}

const flat = (fields: StoredFields): string[] => [...fields].flat();

// Digests, so that the cost of a change does not depend on the size of the value that it replaces.
function expectations({ set, deleted, loaded }: SessionChanges): string[] {
  if (!loaded) return [];
  return [...set.keys(), ...deleted].map((name) => {
    if (isSystemField(name)) return '*';
    const json = loaded.get(name);
    return json === undefined ? '' : createHash('sha1').update(json).digest('hex');
  });
}
