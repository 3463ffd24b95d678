import { type LimiterDeclaration, limiterId } from '../limits/index.js';
import type { RedisClient } from '../redis/index.js';
import type { EndedAction } from './audit.js';
import { type CacheActions, cacheActions } from './cache-actions.js';
import { type LimitActions, limitActions } from './limit-actions.js';
import { Lookout, type LookoutOptions } from './lookout.js';
import { type Overview, overviewOf } from './overview.js';
import { type SessionActions, sessionActions } from './session-actions.js';

/** What operators see and do, for the page and for the command line. */
export interface Operations {
  /** All processes together, at most a second old. */
  overview(): Promise<Overview>;
  /** A limiter that one of the processes declares. */
  limiter(id: string): Promise<LimiterDeclaration | undefined>;
  /** Has one live process publish and log an action that was taken here. Resolves to whether one has heard of it. */
  tell(action: EndedAction): Promise<boolean>;
  readonly limits: LimitActions;
  readonly sessions: SessionActions;
  readonly cache: CacheActions;
}

/** With `reports`, this process reports to whoever looks from now on. */
export function operations(redis: RedisClient, where: LookoutOptions): Operations {
  const lookout = new Lookout(redis, where);
  const overview = async () => overviewOf(await lookout.sight(), where.prefix);
  return {
    overview,
    limiter: async (id) => (await overview()).limiters.find((each) => limiterId(each) === id),
    tell: (action) => lookout.tell(action),
    limits: limitActions(redis, where.timeoutMs),
    sessions: sessionActions(redis, where),
    cache: cacheActions(redis, where),
  };
}
