import { type ToolkitError, tooLarge } from '../errors.js';
import { bytesOf, type StoredFields } from './stored-session.js';

// The scripts refuse oversize too. This check saves sending it.
export function refuseOversize(fields: StoredFields, maxBytes: number): void {
  const bytes = bytesOf(fields);
  if (bytes > maxBytes) throw sessionTooLarge(bytes, maxBytes, fields);
}

export function sessionTooLarge(bytes: number, maxBytes: number, written: StoredFields): ToolkitError {
  const largest = [...written].reduce((a, b) => (b[1].length > a[1].length ? b : a))[0];
  const advice = `keep ids in the session and data in a database, or raise maxBytes; the largest property written is "${largest}"`;
  return tooLarge('SESSION_TOO_LARGE', 'session: the session', { bytes, maxBytes, advice });
}
