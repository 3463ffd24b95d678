import { sha256 } from '../keys.js';
import { memoize } from '../memoize.js';

/** A session's properties as they are stored: the JSON of each, by name. */
export type StoredFields = ReadonlyMap<string, string>;

/** Fields of the toolkit beside the application's: no property can have these names. */
export const SYSTEM_FIELDS = { meta: '@meta', user: '@user', cookie: '@cookie', device: '@device' } as const;

const systemNames: ReadonlySet<string> = new Set(Object.values(SYSTEM_FIELDS));
export const isSystemField = (name: string): boolean => systemNames.has(name);

export interface StoredSession {
  readonly fields: StoredFields;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly idleTimeoutMs: number;
  /** Before it was read just now. */
  readonly lastSeenAt: number;
  /** By the clock of Redis, as the other times are. */
  readonly readAt: number;
}

export interface SessionChanges {
  readonly set: StoredFields;
  readonly deleted: readonly string[];
  /** What was loaded, when a change that somebody else made since is not to be overwritten. */
  readonly loaded?: StoredFields | undefined;
}

/** The name under which an id is stored: whoever reads Redis cannot log in with it. */
export const hashId = memoize(10_000, sha256);

export function parseSession(reply: readonly (string | number)[]): StoredSession {
  const [createdAt, expiresAt, idleTimeoutMs, lastSeenAt, readAt] = reply as number[];
  const fields = pairs(reply.slice(5) as string[]);
  return {
    fields,
    createdAt: createdAt!,
    expiresAt: expiresAt!,
    idleTimeoutMs: idleTimeoutMs!,
    lastSeenAt: lastSeenAt!,
    readAt: readAt!,
  };
}

/** The field of a session's times: created, absolute expiry, idle timeout, last seen, in ms, and its bytes. */
export function parseMeta(text: string | undefined) {
  const numbers = /^\d+( \d+){4}$/.test(text ?? '') ? text!.split(' ').map(Number) : undefined;
  if (!numbers) return undefined;
  const [createdAt, expiresAt, idleTimeoutMs, lastSeenAt] = numbers as [number, number, number, number];
  return { createdAt, expiresAt, idleTimeoutMs, lastSeenAt };
}

export function pairs(flat: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) map.set(flat[i]!, flat[i + 1]!);
  return map;
}
