import type { Keys } from '../keys.js';
import { loadScript, type RedisLink } from '../redis/index.js';

const endSessionScript = loadScript('end-session');

export interface EndedSession {
  /** Whether the session existed, and was the user's. */
  readonly ended: boolean;
  /** The key of its copy for connect-redis, or ''. It lies in another slot of a Cluster, so the caller removes it. */
  readonly oldKey: string;
}

/** Ends a session, of this user if one is given, and keeps its old copy from being adopted again. */
export async function endSession(
  link: RedisLink,
  names: Keys,
  hash: string,
  { user = '', copyLifeMs = 0, timeoutMs }: { user?: string; copyLifeMs?: number; timeoutMs: number },
): Promise<EndedSession> {
  const [ended, oldKey] = await link.run<[number, string]>(
    endSessionScript,
    [names.session(hash), names.sessionAdopted(hash, link.keyPrefix)],
    [user, copyLifeMs],
    { timeoutMs },
  );
  return { ended: ended === 1, oldKey };
}
