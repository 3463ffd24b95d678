import type { Directives } from './cache-control.js';
import { type Fields, namesIn, splitList } from './fields.js';

// Fields about one connection (RFC 9110 §7.6.1) or one proxy (RFC 9111 §3.1).
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
// Fields that each response gets anew.
const PER_RESPONSE = ['age', 'cache-status', 'content-length', 'set-cookie', 'set-cookie2'];
const NEVER_STORED = new Set([...HOP_BY_HOP, ...PER_RESPONSE]);
// Fields that describe the stored bytes (RFC 9111 §3.2).
const NEVER_UPDATED = new Set(['content-encoding', 'content-length', 'content-md5', 'content-range']);

/** The fields of a response that are stored (RFC 9111 §3.1): without those in `private="…"` and `no-cache="…"`. */
export function storedFields(fields: Fields, directives: Directives): Fields {
  const named = (['private', 'no-cache'] as const).flatMap((name) => fieldNamesOf(directives, name));
  const left = new Set([...namesIn(fields, 'connection'), ...named]);
  return pick(fields, (name) => !NEVER_STORED.has(name) && !left.has(name));
}

/** The stored fields after a validation (RFC 9111 §3.2). */
export function updatedFields(stored: Fields, update: Fields): Fields {
  const left = new Set(namesIn(update, 'connection'));
  const news = pick(update, (name) => !NEVER_STORED.has(name) && !NEVER_UPDATED.has(name) && !left.has(name));
  return { ...stored, ...news };
}

/** The fields that `private` or `no-cache` names; if none, it applies to the response (§5.2.2.4, §5.2.2.7). */
export function fieldNamesOf(directives: Directives, name: 'private' | 'no-cache'): string[] {
  const argument = directives.get(name);
  return typeof argument === 'string' ? splitList(argument.toLowerCase()) : [];
}

function pick(fields: Fields, isWanted: (name: string) => boolean): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => isWanted(name)));
}
