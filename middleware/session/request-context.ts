import type { Request } from 'express';
import type { SessionStore, StoredSession } from '../../src/sessions/index.js';
import type { SignedId } from './cookie/signed-cookie.js';
import type { SessionAvailability } from './redis-unavailable.js';
import type { SessionSecret } from './secret.js';
import type { SessionSettings } from './settings.js';

/** A session that is in Redis. */
export interface KnownSession {
  readonly id: string;
  readonly stored: StoredSession;
}

/** A session that a cookie named and that exists. */
export type LoadedSession = SignedId & KnownSession;

/** The parts that all requests of one `session()` share. */
export interface SessionInstance {
  readonly settings: SessionSettings;
  readonly store: SessionStore;
  readonly availability: SessionAvailability;
  /** The ids in the session cookies of a request whose signatures are valid. */
  signedIdsOf(req: Request): readonly SignedId[];
}

/** The facts about one request that the work on its session needs. */
export interface RequestContext extends SessionInstance {
  readonly req: Request;
  /** The secret for the cookies of this request. */
  readonly signWith: SessionSecret;
  /** The cookie of the request was signed by another secret, so it has to be signed again. */
  readonly resigns: boolean;
  readonly loaded?: LoadedSession | undefined;
  /** The ids of sessions that may exist, but could not be read. */
  readonly unread: readonly string[];
  /** The head of the response has left: no cookie can be sent any more. */
  headSent: boolean;
}
