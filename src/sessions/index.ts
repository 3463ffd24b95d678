export type { SessionData } from './session-data.js';
export { SessionReader } from './session-reader.js';
export {
  hashId,
  isSystemField,
  type StoredFields,
  type StoredSession,
  SYSTEM_FIELDS,
} from './session-record.js';
export { SessionStore, type Updated } from './session-store.js';
export { type SessionDevice, type SessionSummary, UserSessions } from './user-sessions.js';
