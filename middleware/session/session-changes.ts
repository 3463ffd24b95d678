import type { Request } from 'express';
import {
  isSystemField,
  type SessionStore,
  type StoredFields,
  type StoredSession,
  SYSTEM_FIELDS,
  type Updated,
} from '../../src/sessions/index.js';
import { conflictIn, type OnConflict, resolveConflicts } from './conflict.js';
import { SessionCookie } from './cookie/cookie.js';
import type { CookieAttributes } from './cookie/options.js';
import { createSession, type Session, type SessionHost, serialize } from './session-object.js';

export interface DraftOptions {
  readonly idleTimeoutMs: number;
  readonly onConflict: OnConflict;
  readonly user?: ((session: Session) => string | number | undefined) | undefined;
  readonly device?: ((req: Request) => Readonly<Record<string, string | undefined>>) | undefined;
}

export interface Changes {
  /** Everything, as it would be stored. */
  readonly now: StoredFields;
  readonly set: StoredFields;
  readonly deleted: string[];
}

const LONGEST_DEVICE_VALUE = 256;
const MOST_MERGES = 10;
const isProperty = (name: string) => !isSystemField(name);

/**
 * One session while a request works on it: what was loaded, and the object that the application changes. It compares
 * the two, property by property, and sends only the difference.
 */
export class SessionDraft {
  readonly session: Session;
  /** Whether it is in Redis, as far as this request knows. */
  exists: boolean;
  /** Whether the browser's cookie has to be replaced: it lasts for a time that begins anew, or was changed. */
  hasNewCookie = false;
  #stored: StoredFields;
  readonly #req: Request;
  readonly #options: DraftOptions;
  readonly #attributes: CookieAttributes;

  constructor(
    readonly id: string,
    hostOf: (draft: SessionDraft) => SessionHost,
    req: Request,
    options: DraftOptions,
    attributes: CookieAttributes,
    stored?: StoredSession,
  ) {
    this.#req = req;
    this.#options = options;
    this.#attributes = attributes;
    this.exists = stored !== undefined;
    this.#stored = stored?.fields ?? new Map();
    const cookie = SessionCookie.stored(
      this.#stored.get(SYSTEM_FIELDS.cookie),
      attributes,
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

  /** What is not stored yet, or nothing. Of a new session its cookie alone is not worth storing. */
  changes(): Changes | undefined {
    const changes = this.#difference();
    const { set, deleted } = changes;
    const isWorthIt = this.exists ? set.size + deleted.length > 0 : [...set.keys()].some(isProperty);
    return isWorthIt ? changes : undefined;
  }

  /** Creates an id that this server has just made, updates any other; false when that one is gone. */
  async write(store: SessionStore, known?: Changes): Promise<boolean> {
    let changes = known ?? this.#difference();
    for (let merges = 0; merges < MOST_MERGES; merges++) {
      const updated = await this.#send(store, changes);
      if (updated === false) return false;
      if (updated === true) {
        this.#noteWritten(changes);
        return true;
      }
      this.#merge(updated.theirs, changes.now);
      changes = this.#difference();
    }
    throw conflictIn([...changes.set.keys()]);
  }

  #noteWritten({ now, set, deleted }: Changes): void {
    this.#stored = now;
    this.exists = true;
    const { cookie } = SYSTEM_FIELDS;
    this.hasNewCookie ||= this.session.cookie.expires !== null || set.has(cookie) || deleted.includes(cookie);
  }

  async #send(store: SessionStore, { now, set, deleted }: Changes): Promise<Updated> {
    const idleTimeoutMs = this.session.cookie.originalMaxAge ?? this.#options.idleTimeoutMs;
    if (this.exists) {
      const loaded = this.#options.onConflict === 'overwrite' ? undefined : this.#stored;
      return store.update(this.id, { set, deleted, loaded }, idleTimeoutMs);
    }
    await store.create(this.id, now, idleTimeoutMs);
    return true;
  }

  #merge(theirs: StoredFields, ours: StoredFields): void {
    const stored = new Map(this.#stored);
    const properties = this.session as unknown as Record<string, unknown>;
    for (const [name, value] of resolveConflicts(this.#options.onConflict, theirs, stored, ours)) {
      if (value === undefined) delete properties[name];
      else properties[name] = value;
    }
    for (const [name, json] of theirs) {
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
    const user = this.#options.user ? nameOf(this.#options.user(this.session)) : this.user;
    if (user === undefined) return fields;
    fields.set(SYSTEM_FIELDS.user, user);
    const device = user === this.user ? this.#stored.get(SYSTEM_FIELDS.device) : this.#describeDevice();
    if (device !== undefined) fields.set(SYSTEM_FIELDS.device, device);
    return fields;
  }

  #describeDevice(): string | undefined {
    const device = this.#options.device?.(this.#req);
    if (!device) return undefined;
    const cut = (_name: string, value: unknown) =>
      typeof value === 'string' ? value.slice(0, LONGEST_DEVICE_VALUE) : value;
    return JSON.stringify(device, cut);
  }
}

// Ids of a database are often numbers; keys in Redis are text.
function nameOf(user: string | number | null | undefined): string | undefined {
  return user === undefined || user === null || user === '' ? undefined : String(user);
}
