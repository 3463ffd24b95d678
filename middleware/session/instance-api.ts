import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import { hashId, type SessionStore, type SessionSummary } from '../../src/sessions/index.js';
import type { Session } from './session-object.js';

/** A session of a user. `current` marks the session of the caller. */
export type ListedSession = SessionSummary & { readonly current: boolean };

/** Methods of the middleware that work outside of a request. */
export interface SessionCalls {
  /** Lists the live sessions of a user, oldest login first. `current` is the id (`req.sessionID`) of the caller's session. */
  list(user: string, options?: { readonly current?: string }): Promise<ListedSession[]>;
  /** Ends one session of a user, named by its handle in `list`. Resolves to whether the session existed. */
  destroy(user: string, handle: string): Promise<boolean>;
  /** Ends all sessions of a user except the one with the id `except`. Resolves to the number of sessions ended. */
  destroyAll(user: string, options?: { readonly except?: string }): Promise<number>;
  /**
   * Loads the stored session that a request's cookie names, for requests without a response, such as a WebSocket's
   * upgrade. Its `save`, `reload` and `destroy` work; no cookie can be sent.
   * @throws ToolkitError `REDIS_UNAVAILABLE`
   */
  load(req: IncomingMessage): Promise<Session | undefined>;
}

export function sessionCalls(
  store: SessionStore,
  load: (req: Request) => Promise<Session | undefined>,
): SessionCalls {
  return {
    async list(user, { current } = {}) {
      const handle = handleOf(current);
      return (await store.users.list(user)).map((one) => ({ ...one, current: one.handle === handle }));
    },
    destroy: (user, handle) => store.users.end(user, handle),
    destroyAll: (user, { except } = {}) => store.users.endAll(user, handleOf(except)),
    load: (req) => load(req as Request),
  };
}

const handleOf = (id: string | undefined) => (id === undefined ? undefined : hashId(id));
