import { slideAfterMs } from './session-reader.js';
import type { SessionChanges, SessionTimes } from './stored-session.js';

/** The arguments of `update-session.lua` for a session that is still as it was read; see there. */
export type ShortUpdate = readonly [loadedMeta: string, newMeta: string, expiresAt: number | ''];

/** The script looks the session up itself. */
export const NOT_SHORT: ShortUpdate = ['', '', ''];

/** Works out `@meta` and the expiry here, so that Redis need not, for a session that nobody changes in between. */
export function shortUpdate(
  { set, deleted, basis }: SessionChanges,
  maxBytes: number,
  now: number,
): ShortUpdate {
  if (!basis || basis.expiresAt <= now) return NOT_SHORT;
  let { bytes } = basis;
  const sizeOf = (name: string, json: string | undefined) =>
    json === undefined ? 0 : Buffer.byteLength(name) + Buffer.byteLength(json);
  for (const [name, json] of set) bytes += sizeOf(name, json) - sizeOf(name, basis.fields.get(name));
  for (const name of deleted) bytes -= sizeOf(name, basis.fields.get(name));
  if (bytes > maxBytes) return NOT_SHORT;
  const slides = now - basis.slidAt >= slideAfterMs(basis);
  // Each write changes @meta, by a millisecond at least: a write that it did not change would escape the comparison.
  const seenAt = slides ? now : basis.slidAt + 1;
  const expiresAt = slides ? Math.min(seenAt + basis.idleTimeoutMs, basis.expiresAt) : '';
  return [metaOf(basis, basis.slidAt, basis.bytes), metaOf(basis, seenAt, bytes), expiresAt];
}

const metaOf = (
  { createdAt, expiresAt, idleTimeoutMs }: SessionTimes,
  seenAt: number,
  bytes: number,
): string => `${createdAt} ${expiresAt} ${idleTimeoutMs} ${seenAt} ${bytes}`;
