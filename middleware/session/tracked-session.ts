import type { Request } from 'express';
import { isUnavailable } from '../../src/errors.js';
import {
  isSystemField,
  type SessionStore,
  type StoredFields,
  type StoredSession,
  SYSTEM_FIELDS,
  type Updated,
} from '../../src/sessions/index.js';
import type { AdoptSettings } from './adopt/options.js';
import { copyWriter } from './adopt/write-copy.js';
import { conflictError, type OnConflict, resolveConflicts } from './conflict.js';
import { SessionCookie } from './cookie/cookie.js';
import type { CookieAttributes } from './cookie/options.js';
import { createSession, type Session, type SessionHost, serialize } from './session-object.js';
import { askDevice, askUser, type DeviceOption, type UserOption } from './session-owner.js';
import { ofOthers, ownSession, type UnansweredWrite } from './unanswered-write.js';

/** The options that decide how a session is stored. */
export interface StoringOptions {
  /** Sessions keep the lifetime that they were created with. */
  readonly hasOwnLifetimes: boolean;
  readonly idleTimeoutMs: number;
  readonly onConflict: OnConflict;
  readonly user?: UserOption | undefined;
  readonly device?: DeviceOption | undefined;
  readonly adopt?: AdoptSettings | undefined;
}

/** The difference between a session and its stored form. */
export interface Changes {
  /** All properties, as they would be stored. */
  readonly now: StoredFields;
  readonly set: StoredFields;
  readonly deleted: string[];
}

const MAX_MERGES = 10;
const isProperty = (name: string) => !isSystemField(name);

/**
 * One session during a request: its stored form, and the object that the application changes. It compares the two,
 * property by property, and writes only the difference.
 */
export class TrackedSession {
  readonly session: Session;
  /** The session is in Redis, as far as this request knows. */
  exists: boolean;
  /** The browser needs the cookie again: its lifetime starts anew, or its attributes have changed. */
  hasNewCookie = false;
  #stored: StoredFields;
  #basis: StoredSession | undefined;
  #unanswered: UnansweredWrite;
  readonly #req: Request;
  readonly #options: StoringOptions;
  // Of a stored cookie, what differs from these is stored.
  readonly #attributes: CookieAttributes;

  constructor(
    readonly id: string,
    hostOf: (tracked: TrackedSession) => SessionHost,
    req: Request,
    options: StoringOptions,
    attributes: CookieAttributes,
    stored?: StoredSession,
  ) {
    this.#req = req;
    this.#options = options;
    this.#attributes = options.hasOwnLifetimes
      ? { ...attributes, maxAge: null, expires: undefined }
      : attributes;
    this.exists = stored !== undefined;
    this.#stored = stored?.fields ?? new Map();
    this.#basis = stored;
    const cookie = SessionCookie.stored(
      this.#stored.get(SYSTEM_FIELDS.cookie),
      stored ? this.#attributes : attributes,
      stored ? stored.readAt - stored.lastSeenAt : 0,
    );
    this.session = createSession(
      id,
      hostOf(this),
      req,
      cookie,
      (value) => SessionCookie.from(value, attributes),
      this.#stored,
    );
  }

  get user(): string | undefined {
    return this.#stored.get(SYSTEM_FIELDS.user);
  }

  /** The changes that are not stored yet. A new session that differs in its cookie alone is not worth storing. */
  changes(): Changes | undefined {
    const changes = this.#difference();
    const { set, deleted } = changes;
    const isWorthIt = this.exists ? set.size + deleted.length > 0 : [...set.keys()].some(isProperty);
    return isWorthIt ? changes : undefined;
  }

  /** Creates a new session, or updates a stored one. Returns false when the stored one has ended. */
  async write(store: SessionStore, known?: Changes): Promise<boolean> {
    let changes = known ?? this.#difference();
    for (let merges = 0; merges < MAX_MERGES; merges++) {
      const updated = await this.#send(store, changes);
      if (updated === false) return false;
      if (updated === true) {
        this.#noteWritten(changes);
        return store.mirrors
          ? store.mirror(this.id, copyWriter(this.#options.adopt!, this.session.cookie))
          : true;
      }
      await this.#merge(updated.theirs, changes.now);
      changes = this.#difference();
    }
    throw conflictError([...changes.set.keys()]);
  }

  /** All fields, as they would be stored. */
  asStored(): StoredFields {
    return this.#fields();
  }

  #noteWritten({ now, set, deleted }: Changes): void {
    this.#stored = now;
    this.#unanswered = undefined;
    this.exists = true;
    const { cookie } = SYSTEM_FIELDS;
    this.hasNewCookie ||= this.session.cookie.expires !== null || set.has(cookie) || deleted.includes(cookie);
  }

  async #send(store: SessionStore, changes: Changes): Promise<Updated> {
    const idleTimeoutMs = this.session.cookie.originalMaxAge ?? this.#options.idleTimeoutMs;
    try {
      if (this.exists) return await this.#update(store, changes, idleTimeoutMs);
      if (await store.create(this.id, changes.now, idleTimeoutMs, this.#req)) return true;
      this.#stored = await ownSession(store, this.id, this.#unanswered);
      this.exists = true;
      return await this.#update(store, this.#difference(), idleTimeoutMs);
    } catch (error) {
      if (isUnavailable(error)) this.#unanswered ??= changes;
      throw error;
    }
  }

  #update(store: SessionStore, { set, deleted }: Changes, idleTimeoutMs: number): Promise<Updated> {
    const loaded = this.#options.onConflict === 'overwrite' ? undefined : this.#stored;
    const basis = this.#basis;
    this.#basis = undefined;
    return store.update(this.id, { set, deleted, loaded, basis }, idleTimeoutMs, this.#req);
  }

  async #merge(conflicting: StoredFields, ours: StoredFields): Promise<void> {
    const theirs = ofOthers(conflicting, this.#unanswered);
    const resolved = await resolveConflicts(this.#options.onConflict, theirs, this.#stored, ours);
    const now = serialize(this.session);
    const stored = new Map(this.#stored);
    const properties = this.session as unknown as Record<string, unknown>;
    for (const [name, json] of conflicting) {
      // The application has changed the property while onConflict was pending: the next attempt resolves that value.
      if (theirs.has(name) && now.get(name) !== ours.get(name)) continue;
      const value = resolved.get(name);
      if (theirs.has(name) && value === undefined) delete properties[name];
      else if (theirs.has(name)) properties[name] = value;
      if (json === '') stored.delete(name);
      else stored.set(name, json);
    }
    this.#stored = stored;
  }

  #difference(): Changes {
    const now = this.#fields();
    const set = new Map([...now].filter(([name, json]) => this.#stored.get(name) !== json));
    return { now, set, deleted: [...this.#stored.keys()].filter((name) => !now.has(name)) };
  }

  #fields(): Map<string, string> {
    const fields = serialize(this.session);
    const own = this.session.cookie.differences(this.#attributes);
    if (own) fields.set(SYSTEM_FIELDS.cookie, JSON.stringify(own));
    const user = this.#options.user ? askUser(this.#options.user, this.session) : this.user;
    if (user === undefined) return fields;
    fields.set(SYSTEM_FIELDS.user, user);
    const device =
      user === this.user
        ? this.#stored.get(SYSTEM_FIELDS.device)
        : askDevice(this.#options.device, this.#req);
    if (device !== undefined) fields.set(SYSTEM_FIELDS.device, device);
    return fields;
  }
}
