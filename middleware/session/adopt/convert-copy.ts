import type { Request } from 'express';
import { type ConvertCopy, type ConvertedSession, UnusableCopy } from '../../../src/sessions/index.js';
import { isThenable } from '../../../src/settle.js';
import { type Session, type SessionHost, serialize } from '../session-object.js';
import type { SessionSettings } from '../settings.js';
import { TrackedSession } from '../tracked-session.js';
import type { AdoptSettings } from './options.js';

/** A session as express-session gives it to its store. */
interface OldSession {
  readonly cookie: { readonly originalMaxAge?: unknown; readonly expires?: unknown };
}

// Only `user` sees the session before it is adopted, and has nothing to store or end.
const nothing = () => Promise.resolve();
const NO_OPERATIONS: SessionHost = { regenerate: nothing, destroy: nothing, save: nothing, reload: nothing };

/** Turns sessions of express-session into ours, for this request. */
export function copyConverter(settings: SessionSettings, req: Request): ConvertCopy {
  return async (id, { text, lifeMs }): Promise<ConvertedSession> => {
    const { cookie, ...properties } = await parsedCopy(settings.adopt!, text);
    const maxAge = maxAgeOf(cookie.originalMaxAge);
    const expires = typeof cookie.expires === 'string' ? Date.parse(cookie.expires) : Number.NaN;
    // Only a key without an expiry can outlive its cookie: each use moves the expiry of a key on, but not this date.
    if (lifeMs === undefined && expires <= Date.now()) throw new UnusableCopy('it has expired');
    const attributes = settings.attributes(req);
    const tracked = new TrackedSession(id, () => NO_OPERATIONS, req, settings, attributes);
    assign(tracked.session, properties);
    // The other attributes are those of the options: an old cookie may lack protection that they demand.
    if (settings.hasOwnLifetimes || !attributes.expires) tracked.session.cookie.maxAge = maxAge;
    const savedAt = maxAge === null || Number.isNaN(expires) ? undefined : expires - maxAge;
    return { fields: tracked.asStored(), idleTimeoutMs: maxAge ?? settings.idleTimeoutMs, savedAt };
  };
}

async function parsedCopy({ deserialize }: AdoptSettings, text: string): Promise<OldSession> {
  let session: unknown;
  try {
    session = await deserialize(text);
  } catch {
    throw new UnusableCopy('adopt.deserialize, or else JSON.parse, cannot read it');
  }
  if (isObject(session) && isObject((session as { cookie?: unknown }).cookie)) return session as OldSession;
  throw new UnusableCopy('it is not a session of express-session: it has no cookie');
}

function assign(session: Session, properties: object): void {
  try {
    Object.assign(session, properties);
    serialize(session);
  } catch {
    throw new UnusableCopy('it has a property that cannot be stored');
  }
}

const isObject = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && !isThenable(value);

const maxAgeOf = (value: unknown): number | null =>
  typeof value === 'number' && value > 0 && isRepresentable(Date.now() + value) ? value : null;

const isRepresentable = (ms: number): boolean => !Number.isNaN(new Date(ms).getTime());
