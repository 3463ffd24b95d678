import { sha256 } from '../keys.js';
import { memoize } from '../memoize.js';

/** The properties of a session in stored form: the JSON of each, by name. */
export type StoredFields = ReadonlyMap<string, string>;

/** Fields of the toolkit beside those of the application. No property can have one of these names. */
export const SYSTEM_FIELDS = {
  meta: '@meta',
  user: '@user',
  cookie: '@cookie',
  device: '@device',
  old: '@old',
} as const;

const systemNames: ReadonlySet<string> = new Set(Object.values(SYSTEM_FIELDS));
export const isSystemField = (name: string): boolean => systemNames.has(name);

/** The times of a stored session, in milliseconds of Redis' clock. */
export interface SessionTimes {
  readonly createdAt: number;
  /** The absolute expiry. */
  readonly expiresAt: number;
  readonly idleTimeoutMs: number;
  /** The last read or write before this read. */
  readonly lastSeenAt: number;
  readonly bytes: number;
}

export interface StoredSession extends SessionTimes {
  readonly fields: StoredFields;
  /** The moment of this read, by Redis' clock. */
  readonly readAt: number;
  /** Since when the expiry counts: `lastSeenAt`, or this read if it slid the expiry. */
  readonly slidAt: number;
  /** The field `@old` of a session that has a copy in another store. */
  readonly old: string | undefined;
}

export interface SessionChanges {
  readonly set: StoredFields;
  readonly deleted: readonly string[];
  /** The loaded properties, if a change by another request must not be overwritten. */
  readonly loaded?: StoredFields | undefined;
  /** The session as it was read, if the changes are the first ones since. */
  readonly basis?: StoredSession | undefined;
}

/** The name under which a session is stored: nobody who reads Redis can log in with it. */
export const hashId = memoize(10_000, sha256);

/** Parses the reply of `load-session.lua`. */
export function parseSession(reply: readonly (string | number)[]): StoredSession {
  const [createdAt, expiresAt, idleTimeoutMs, lastSeenAt, readAt, bytes, slidAt] = reply
    .slice(0, 7)
    .map(Number);
  const fields = pairs(reply.slice(7) as string[]);
  return {
    fields,
    old: takeOld(fields),
    createdAt: createdAt!,
    expiresAt: expiresAt!,
    idleTimeoutMs: idleTimeoutMs!,
    lastSeenAt: lastSeenAt!,
    readAt: readAt!,
    bytes: bytes!,
    slidAt: slidAt!,
  };
}

/** Takes the field `@old` away: it belongs to the store, and no request changes it. */
export function takeOld(fields: Map<string, string>): string | undefined {
  const old = fields.get(SYSTEM_FIELDS.old);
  if (old !== undefined) fields.delete(SYSTEM_FIELDS.old);
  return old;
}

/** The size of a session: the bytes of its names and JSON. */
export function bytesOf(fields: StoredFields): number {
  let bytes = 0;
  for (const [name, json] of fields) bytes += Buffer.byteLength(name) + Buffer.byteLength(json);
  return bytes;
}

const META = /^(\d+) (\d+) (\d+) (\d+) (\d+)$/;

/** Parses the field `@meta`: created, absolute expiry, idle timeout, last seen (ms), and the bytes of the session. */
export function parseTimes(meta: string | undefined): SessionTimes | undefined {
  const numbers = meta === undefined ? null : META.exec(meta);
  if (numbers === null) return undefined;
  return {
    createdAt: Number(numbers[1]),
    expiresAt: Number(numbers[2]),
    idleTimeoutMs: Number(numbers[3]),
    lastSeenAt: Number(numbers[4]),
    bytes: Number(numbers[5]),
  };
}

export function pairs(flat: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) map.set(flat[i]!, flat[i + 1]!);
  return map;
}
