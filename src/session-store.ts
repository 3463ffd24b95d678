import { publish } from './diagnostics.js';
import { ToolkitError } from './errors.js';
import { keys, sha256 } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { loadScript } from './scripts.js';

const loadSession = loadScript('load-session');
const createSession = loadScript('create-session');
const updateSession = loadScript('update-session');
const indexSession = loadScript('index-session');

// The expiry moves once a twentieth of the idle timeout has passed: a busy session writes 20 times per timeout.
const SLIDE_AFTER_SHARE = 0.05;
const NEVER_SLIDE = -1;

/** A session's properties as they are stored: the JSON of each, by name. */
export type StoredFields = ReadonlyMap<string, string>;

export interface StoredSession {
  readonly fields: StoredFields;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly idleTimeoutMs: number;
  readonly lastSeenAt: number;
}

/** A session of a user, for a "your devices" page. The handle names it without being usable as a cookie. */
export interface SessionSummary {
  readonly handle: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
}

export interface SessionChanges {
  readonly set: StoredFields;
  readonly deleted: readonly string[];
}

/** The name under which an id is stored: whoever reads Redis cannot log in with it. */
export const hashId = (id: string): string => sha256(id);

/** Sessions in Redis: a hash per session, one JSON field per property, so that writers of different properties never meet. */
export function sessionStore(
  redis: RedisClient,
  options: {
    readonly prefix: string;
    readonly timeoutMs: number;
    readonly maxBytes: number;
    readonly absoluteTimeoutMs: number;
  },
) {
  const link = linkTo(redis);
  const names = keys(options.prefix);
  const ask = { timeoutMs: options.timeoutMs };

  async function read(hash: string, share: number): Promise<StoredSession | undefined> {
    const reply = await link.run<(string | number)[] | null>(
      loadSession,
      [names.session(hash)],
      [share],
      ask,
    );
    return reply ? parseReply(reply) : undefined;
  }

  return {
    /** Reads a session and slides its idle expiry. One round trip. */
    async load(id: string): Promise<StoredSession | undefined> {
      const stored = await read(hashId(id), SLIDE_AFTER_SHARE);
      publish('session-loaded', () => ({ handle: hashId(id), found: stored !== undefined }));
      return stored;
    },

    /** Stores a new session. @throws ToolkitError `SESSION_TOO_LARGE`, `REDIS_UNAVAILABLE` */
    async create(id: string, fields: StoredFields, idleTimeoutMs: number, user?: string): Promise<void> {
      refuseOversize(fields, options.maxBytes);
      const hash = hashId(id);
      const indexed = user === undefined ? undefined : index(user, hash);
      const args = [idleTimeoutMs, options.absoluteTimeoutMs, ...[...fields].flat()];
      const [expiresAt] = await Promise.all([
        link.run<number>(createSession, [names.session(hash)], args, ask),
        indexed,
      ]);
      if (expiresAt === 0)
        throw new ToolkitError('SESSION_NOT_FOUND', 'session: genid returned an id that is in use');
      publish('session-saved', () => ({ handle: hash, created: true }));
    },

    /** Writes changed properties of a session that exists; says whether it did. */
    async update(
      id: string,
      changes: SessionChanges,
      idleTimeoutMs: number,
      users: { readonly before?: string | undefined; readonly now?: string | undefined } = {},
    ): Promise<boolean> {
      refuseOversize(changes.set, options.maxBytes);
      const hash = hashId(id);
      const moved = users.before !== users.now;
      const args = [idleTimeoutMs, changes.set.size, ...[...changes.set].flat(), ...changes.deleted];
      const [updated] = await Promise.all([
        link.run<number>(updateSession, [names.session(hash)], args, ask),
        moved && users.now !== undefined ? index(users.now, hash) : undefined,
        moved && users.before !== undefined ? unindex(users.before, hash) : undefined,
      ]);
      publish('session-saved', () => ({ handle: hash, created: false, existed: updated === 1 }));
      return updated === 1;
    },

    async destroy(id: string, user?: string): Promise<void> {
      await remove(hashId(id), user);
    },

    /** The live sessions of a user, oldest first. */
    async list(user: string): Promise<SessionSummary[]> {
      const hashes = await handlesOf(user);
      const sessions = await Promise.all(hashes.map((hash) => read(hash, NEVER_SLIDE)));
      return sessions
        .flatMap((session, position) =>
          session
            ? [
                {
                  handle: hashes[position]!,
                  createdAt: new Date(session.createdAt),
                  lastSeenAt: new Date(session.lastSeenAt),
                },
              ]
            : [],
        )
        .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
    },

    /** Ends the sessions of a user, but for one; says how many it ended. */
    async destroyAll(user: string, exceptId?: string): Promise<number> {
      const spared = exceptId === undefined ? undefined : hashId(exceptId);
      const hashes = (await handlesOf(user)).filter((hash) => hash !== spared);
      const removed = await Promise.all(hashes.map((hash) => remove(hash, user)));
      return removed.filter(Boolean).length;
    },
  };

  function index(user: string, hash: string): Promise<number> {
    return link.run<number>(indexSession, [names.userSessions(user)], [hash, options.absoluteTimeoutMs], ask);
  }

  function unindex(user: string, hash: string): Promise<number> {
    return link.send<number>('zrem', [names.userSessions(user), hash], ask);
  }

  function handlesOf(user: string): Promise<string[]> {
    return link.send<string[]>('zrange', [names.userSessions(user), 0, -1], ask);
  }

  async function remove(hash: string, user: string | undefined): Promise<boolean> {
    const [removed] = await Promise.all([
      link.send<number>('unlink', [names.session(hash)], ask),
      user === undefined ? undefined : unindex(user, hash),
    ]);
    publish('session-destroyed', () => ({ handle: hash }));
    return removed === 1;
  }
}

export type SessionStore = ReturnType<typeof sessionStore>;

function parseReply(reply: readonly (string | number)[]): StoredSession {
  const [createdAt, expiresAt, idleTimeoutMs, lastSeenAt, ...pairs] = reply as [
    number,
    number,
    number,
    number,
    ...string[],
  ];
  const fields = new Map<string, string>();
  for (let i = 0; i < pairs.length; i += 2) fields.set(pairs[i]!, pairs[i + 1]!);
  return { fields, createdAt, expiresAt, idleTimeoutMs, lastSeenAt };
}

function refuseOversize(fields: StoredFields, maxBytes: number): void {
  let bytes = 0;
  for (const [name, json] of fields) bytes += Buffer.byteLength(name) + Buffer.byteLength(json);
  if (bytes <= maxBytes) return;
  const largest = [...fields].reduce((a, b) => (b[1].length > a[1].length ? b : a))[0];
  throw new ToolkitError(
    'SESSION_TOO_LARGE',
    `session: ${bytes} bytes exceed maxBytes (${maxBytes}); the largest property is "${largest}". Keep ids in the session and data in a database`,
  );
}
