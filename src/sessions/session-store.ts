import { createHash } from 'node:crypto';
import { publish } from '../diagnostics.js';
import { ToolkitError, tooLarge } from '../errors.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient } from '../redis/index.js';
import { sessionReader } from './session-reader.js';
import {
  hashId,
  isSystemField,
  pairs,
  type SessionChanges,
  type StoredFields,
  type StoredSession,
  SYSTEM_FIELDS,
} from './session-record.js';
import { userSessions } from './user-sessions.js';

const createSession = loadScript('create-session');
const updateSession = loadScript('update-session');

export interface SessionStoreOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly absoluteTimeoutMs: number;
  readonly maxPerUser?: number | undefined;
}

/** `true`, `false` when the session is gone, or what others have made of the properties since they were loaded. */
export type Updated = boolean | { readonly theirs: StoredFields };

/** Sessions in Redis: a hash per session, one JSON field per property, so that writers of different properties never meet. */
export function sessionStore(redis: RedisClient, options: SessionStoreOptions) {
  const link = linkTo(redis);
  const names = keys(options.prefix);
  const ask = { timeoutMs: options.timeoutMs };
  const users = userSessions(redis, options);
  const read = sessionReader(link, names, ask);

  async function update(hash: string, changes: SessionChanges, idleTimeoutMs: number): Promise<Updated> {
    const { set, deleted } = changes;
    refuseOversize(set, options.maxBytes);
    // The timeout is the cookie's: a request that did not change the cookie may have loaded an older one.
    const hasNewCookie = set.has(SYSTEM_FIELDS.cookie) || deleted.includes(SYSTEM_FIELDS.cookie);
    const args = [
      hasNewCookie ? idleTimeoutMs : '',
      options.maxBytes,
      set.size,
      deleted.length,
      ...flat(set),
      ...deleted,
    ];
    const [outcome, ...rest] = await link.run<string[]>(
      updateSession,
      [names.session(hash)],
      [...args, ...expectations(changes)],
      ask,
    );
    if (outcome === 'too large') throw sessionTooLarge(Number(rest[0]), options.maxBytes, set);
    return outcome === 'conflict' ? { theirs: pairs(rest) } : outcome === 'saved';
  }

  return {
    users,

    /** Reads a session and slides its idle expiry. One round trip. */
    async load(id: string): Promise<StoredSession | undefined> {
      const hash = hashId(id);
      const session = await read(hash);
      publish('session-loaded', () => ({ handle: hash, found: session !== undefined }));
      return session;
    },

    /** Stores a new session. @throws ToolkitError `SESSION_TOO_LARGE`, `REDIS_UNAVAILABLE` */
    async create(id: string, fields: StoredFields, idleTimeoutMs: number): Promise<void> {
      refuseOversize(fields, options.maxBytes);
      const hash = hashId(id);
      const user = fields.get(SYSTEM_FIELDS.user);
      const args = [idleTimeoutMs, options.absoluteTimeoutMs, ...flat(fields)];
      const created = link.run<number>(createSession, [names.session(hash)], args, ask);
      // Both at once: should only one succeed, the id of the session never leaves this server.
      const indexed = user !== undefined && !options.maxPerUser ? users.add(user, hash) : undefined;
      const [isNew] = await Promise.all([created, indexed]);
      if (isNew === 0) {
        throw new ToolkitError('SESSION_NOT_FOUND', 'session: genid returned an id that is in use');
      }
      if (user !== undefined && options.maxPerUser) await users.addAndMakeRoom(user, hash);
      publish('session-saved', () => ({ handle: hash, created: true }));
    },

    /** Writes changed properties of a session that exists. */
    async update(id: string, changes: SessionChanges, idleTimeoutMs: number): Promise<Updated> {
      const hash = hashId(id);
      const newUser = changes.set.get(SYSTEM_FIELDS.user);
      // First the index: a session that its user cannot find could not be ended by "log out everywhere".
      if (newUser !== undefined) await users.add(newUser, hash);
      const updated = await update(hash, changes, idleTimeoutMs);
      if (newUser !== undefined && updated === true && options.maxPerUser) {
        await users.addAndMakeRoom(newUser, hash);
      }
      publish('session-saved', () => ({ handle: hash, created: false, existed: updated !== false }));
      return updated;
    },

    async destroy(id: string, user?: string): Promise<void> {
      const hash = hashId(id);
      await link.send<number>('unlink', [names.session(hash)], ask);
      // Not before: a session that lives must stay in its user's list.
      if (user !== undefined) users.forgetLater(user, hash);
      publish('session-destroyed', () => ({ handle: hash }));
    },
  };
}

export type SessionStore = ReturnType<typeof sessionStore>;

const flat = (fields: StoredFields): string[] => [...fields].flat();

// Digests, so that a change costs the same whatever the size of what it replaces.
function expectations({ set, deleted, loaded }: SessionChanges): string[] {
  if (!loaded) return [];
  return [...set.keys(), ...deleted].map((name) => {
    if (isSystemField(name)) return '*';
    const json = loaded.get(name);
    return json === undefined ? '' : createHash('sha1').update(json).digest('hex');
  });
}

// What the scripts would refuse as well need not be sent.
function refuseOversize(fields: StoredFields, maxBytes: number): void {
  let bytes = 0;
  for (const [name, json] of fields) bytes += Buffer.byteLength(name) + Buffer.byteLength(json);
  if (bytes > maxBytes) throw sessionTooLarge(bytes, maxBytes, fields);
}

function sessionTooLarge(bytes: number, maxBytes: number, written: StoredFields): ToolkitError {
  const largest = [...written].reduce((a, b) => (b[1].length > a[1].length ? b : a))[0];
  const advice = `keep ids in the session and data in a database, or raise maxBytes; the largest property written is "${largest}"`;
  return tooLarge('SESSION_TOO_LARGE', 'session: the session', { bytes, maxBytes, advice });
}
