import { keys } from '../keys.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { SessionReader, type SessionSummary, UserSessions } from '../sessions/index.js';

/** Lists and ends the sessions of users. A session ends with the next request that carries its cookie. */
export interface SessionActions {
  list(user: string): Promise<SessionSummary[]>;
  /** Ends one session, or all. Resolves to the number of sessions ended. */
  end(user: string, handle?: string): Promise<number>;
}

export function sessionActions(
  redis: RedisClient,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
): SessionActions {
  const [link, names] = [linkTo(redis), keys(prefix)];
  // Each session has timeouts of its own; those of the options of `session` are not known here.
  const timeouts = { absoluteTimeoutMs: Number.MAX_SAFE_INTEGER };
  const reader = new SessionReader(link, names, { timeoutMs });
  // Whether `session` adopts is not known here either.
  const users = new UserSessions(link, names, reader, { timeoutMs, ...timeouts, mayAdopt: true });
  return {
    list: (user) => users.list(user),
    end: async (user, handle) =>
      handle === undefined ? users.endAll(user) : Number(await users.end(user, handle)),
  };
}
