export type { SessionConflict } from './conflict.js';
export type { CookieLife, SessionCookie } from './cookie/cookie.js';
export type { SessionCookieOptions } from './cookie/options.js';
export type { ListedSession, SessionCalls } from './instance-api.js';
export type { SessionOptions } from './options.js';
export { sessionWasRead } from './request-property.js';
export type { SessionSecret } from './secret.js';
export { type SessionMiddleware, session } from './session.js';
export type { Session, SessionCallback } from './session-object.js';
