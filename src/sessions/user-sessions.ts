import { publish } from '../diagnostics.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient } from '../redis/index.js';
import { parseSession, type StoredSession, SYSTEM_FIELDS } from './session-record.js';

const indexSession = loadScript('index-session');
const forgetSessions = loadScript('forget-sessions');
const endSession = loadScript('end-session');
const loadSession = loadScript('load-session');

const NEVER_SLIDE = [0, -1] as const;
// Longer than any deadline: whoever entered the index that long ago has written its session, or has given up.
const SPARED_MS = 60_000;

/** What a user's page about devices shows of the one that logged in: whatever the option `device` returned. */
export type SessionDevice = Readonly<Record<string, string>>;

/** A session of a user, for a "your devices" page. The handle names it without being usable as a cookie. */
export interface SessionSummary {
  readonly handle: string;
  readonly createdAt: Date;
  /** Right to the minute, or to a twentieth of the idle timeout when that is less. */
  readonly lastSeenAt: Date;
  /** What the option `device` returned at login. */
  readonly device?: SessionDevice;
}

/**
 * Whose sessions are whose. The index of a user and his sessions lie in different slots of a Cluster, so no script
 * sees both. What holds instead: a session that says it is a user's is in his index. So a login enters the index
 * first, and an entry is taken out only when its session is known to be gone, or was another's for a while.
 */
export function userSessions(
  redis: RedisClient,
  options: {
    readonly prefix: string;
    readonly timeoutMs: number;
    readonly absoluteTimeoutMs: number;
    readonly maxPerUser?: number | undefined;
  },
) {
  const link = linkTo(redis);
  const names = keys(options.prefix);
  const ask = { timeoutMs: options.timeoutMs };
  const most = options.maxPerUser ?? 0;

  /** Answers with all sessions, oldest first, when they are more than `maxPerUser`. */
  function add(user: string, handle: string, when: 'GT' | 'NX' = 'GT'): Promise<string[]> {
    const args = [handle, options.absoluteTimeoutMs, SPARED_MS, most, when];
    return link.run<string[]>(indexSession, [names.userSessions(user)], args, ask);
  }

  function handlesOf(user: string): Promise<string[]> {
    return link.send<string[]>('zrange', [names.userSessions(user), 0, -1], ask);
  }

  async function end(user: string, handle: string): Promise<boolean> {
    const ended = await link.run<number>(endSession, [names.session(handle)], [user], ask);
    if (ended === 1) publish('session-destroyed', () => ({ handle }));
    return ended === 1;
  }

  function forget(user: string, handles: readonly string[], sparedMs: number): Promise<number> {
    if (handles.length === 0) return Promise.resolve(0);
    return link.run<number>(forgetSessions, [names.userSessions(user)], [sparedMs, ...handles], ask);
  }

  async function endAll(user: string, handles: readonly string[]): Promise<number> {
    const ended = await Promise.all(handles.map((handle) => end(user, handle)));
    const gone = handles.filter((_, i) => ended[i]);
    const unsure = handles.filter((_, i) => !ended[i]);
    await Promise.all([forget(user, gone, 0), forget(user, unsure, SPARED_MS)]);
    return gone.length;
  }

  async function read(user: string, handle: string): Promise<StoredSession | undefined> {
    const reply = await link.run<(string | number)[] | null>(
      loadSession,
      [names.session(handle)],
      NEVER_SLIDE,
      ask,
    );
    const session = reply ? parseSession(reply) : undefined;
    return session?.fields.get(SYSTEM_FIELDS.user) === user ? session : undefined;
  }

  return {
    add,

    /**
     * The session is written by now, and so are those of all logins that have asked this before. Its place in the
     * order must not change any more: parallel logins would end different ones.
     */
    async addAndMakeRoom(user: string, handle: string): Promise<void> {
      const handles = await add(user, handle, 'NX');
      if (handles.length === 0) return;
      const owners = await Promise.all(
        handles.map((each) =>
          link.send<string | null>('hget', [names.session(each), SYSTEM_FIELDS.user], ask),
        ),
      );
      const living = handles.filter((_, i) => owners[i] === user);
      await endAll(user, living.slice(0, Math.max(0, living.length - most)));
    },

    /** For a session that was destroyed. Nobody waits for it: an entry too many is found by the next `list`. */
    forgetLater(user: string, handle: string): void {
      forget(user, [handle], 0).catch(() => undefined);
    },

    /** The live sessions of a user, oldest login first. */
    async list(user: string): Promise<SessionSummary[]> {
      const handles = await handlesOf(user);
      const sessions = await Promise.all(handles.map((handle) => read(user, handle)));
      await forget(
        user,
        handles.filter((_, i) => !sessions[i]),
        SPARED_MS,
      );
      return sessions.flatMap((session, i) => (session ? [summary(handles[i]!, session)] : []));
    },

    /** Ends one session of a user; says whether there was one. */
    async end(user: string, handle: string): Promise<boolean> {
      return (await endAll(user, [handle])) === 1;
    },

    /** Ends the sessions of a user, but for one; says how many it ended. */
    async endAll(user: string, except?: string): Promise<number> {
      return endAll(
        user,
        (await handlesOf(user)).filter((handle) => handle !== except),
      );
    },
  };
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
