export type { ConvertCopy, ConvertedSession } from './adoption.js';
export type { WriteCopy } from './mirror.js';
export { UnusableCopy } from './old-copies.js';
export type { SessionData } from './session-data.js';
export { SessionReader } from './session-reader.js';
export { SessionStore, type Updated } from './session-store.js';
export {
  hashId,
  isSystemField,
  type StoredFields,
  type StoredSession,
  SYSTEM_FIELDS,
} from './stored-session.js';
export { type SessionDevice, type SessionSummary, UserSessions } from './user-sessions.js';
