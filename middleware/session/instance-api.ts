import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import { aString, readOptions } from '../../src/read-options.js';
import {
  hashId,
  isSystemField,
  type SessionData,
  type SessionStore,
  type SessionSummary,
  SYSTEM_FIELDS,
} from '../../src/sessions/index.js';
import { A_USER, argumentError, userNameOf } from './callback-results.js';
import type { Session } from './session-object.js';
import type { SessionUser } from './session-owner.js';

/** A session of a user. `current` marks the session of the caller. */
export type ListedSession = SessionSummary & { readonly current: boolean };

/** Methods of the middleware that work outside of a request. */
export interface SessionCalls {
  /** Lists the live sessions of a user, oldest login first. `current` is the id (`req.sessionID`) of the caller's session. */
  list(user: SessionUser, options?: { readonly current?: string }): Promise<ListedSession[]>;
  /** Ends one session of a user, named by its handle in `list`. Resolves to whether the session existed. */
  destroy(user: SessionUser, handle: string): Promise<boolean>;
  /** Ends all sessions of a user except the one with the id `except`. Resolves to the number of sessions ended. */
  destroyAll(user: SessionUser, options?: { readonly except?: string }): Promise<number>;
  /**
   * Reads a session by its id (`req.sessionID`), as `req.sessionStore.get` of express-session does. Its expiry stays as it
   * is. Undefined when there is none. @throws ToolkitError `REDIS_UNAVAILABLE`
   */
  get(id: string): Promise<Partial<SessionData> | undefined>;
  /** Ends a session by its id, as `req.sessionStore.destroy` does. Resolves to whether it existed. */
  destroyById(id: string): Promise<boolean>;
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
    async list(user, options = {}) {
      const { current } = readOptions('session.list', options, { current: aString }, {});
      const handle = current && hashId(current);
      const sessions = await store.users.list(userArgument('list', user));
      return sessions.map((one) => ({ ...one, current: one.handle === handle }));
    },
    async destroy(user, handle) {
      const name = userArgument('destroy', user);
      return store.users.end(name, textArgument('destroy', 'handle', handle));
    },
    async destroyAll(user, options = {}) {
      const name = userArgument('destroyAll', user);
      const { except } = readOptions('session.destroyAll', options, { except: aString }, {});
      return store.users.endAll(name, except && hashId(except));
    },
    async get(id) {
      const stored = await store.peek(textArgument('get', 'id', id));
      if (!stored) return undefined;
      const properties = [...stored.fields].filter(([name]) => !isSystemField(name));
      return Object.fromEntries(properties.map(([name, json]) => [name, JSON.parse(json)]));
    },
    async destroyById(id) {
      const stored = await store.peek(textArgument('destroyById', 'id', id));
      await store.destroy(id, stored?.fields.get(SYSTEM_FIELDS.user));
      return stored !== undefined;
    },
    async load(req) {
      const headers: unknown = (req as IncomingMessage | undefined | null)?.headers;
      if (typeof headers !== 'object' || !headers)
        throw argumentError('load', 'req', 'a request with headers', req);
      return load(req as Request);
    },
  };
}

function userArgument(method: string, user: unknown): string {
  const name = userNameOf(user);
  if (name === undefined) throw argumentError(method, 'user', A_USER, user);
  return name;
}

function textArgument(method: string, argument: string, value: unknown): string {
  if (typeof value !== 'string' || value === '')
    throw argumentError(method, argument, 'a non-empty string', value);
  return value;
}
