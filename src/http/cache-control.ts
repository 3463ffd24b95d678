import { parseDictionary } from 'structured-headers';
import { combined, deltaSeconds, type Fields, linesOf, splitList } from './fields.js';

/** Cache directives by lower-case name; true for a directive without an argument. */
export type Directives = ReadonlyMap<string, string | true>;

/** `Cache-Control` of a request or a response (RFC 9111 §5.2). The first of a repeated directive counts (§4.2.1). */
export function cacheControlOf(fields: Fields): Directives {
  const directives = new Map<string, string | true>();
  for (const member of splitList(combined(fields, 'cache-control') ?? '')) {
    const equals = member.indexOf('=');
    const name = (equals < 0 ? member : member.slice(0, equals)).trim().toLowerCase();
    if (!directives.has(name)) directives.set(name, equals < 0 || argumentOf(member, equals));
  }
  return directives;
}

// Token and quoted-string are both accepted (§5.2). White space around "=" stays: it makes a number malformed.
function argumentOf(member: string, equals: number): string {
  const space = /\s$/.test(member.slice(0, equals)) ? ' ' : '';
  const argument = space + member.slice(equals + 1);
  return /^".*"$/s.test(argument) ? argument.slice(1, -1).replace(/\\(.)/gs, '$1') : argument;
}

/** The seconds of a directive: undefined when it is absent, NaN when they are malformed. */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const argument = directives.get(name);
  return argument === undefined ? undefined : deltaSeconds(argument === true ? '' : argument);
}

/** The directives that decide about storing a response: of a targeted field, or of `Cache-Control`. */
export interface ResponseDirectives {
  readonly directives: Directives;
  readonly isTargeted: boolean;
}

/** The first valid and non-empty targeted field replaces `Cache-Control` (RFC 9213 §2.2). */
export function responseDirectives(fields: Fields, targets: readonly string[]): ResponseDirectives {
  for (const name of targets) {
    const directives = targetedDirectives(linesOf(fields, name));
    if (directives) return { directives, isTargeted: true };
  }
  return { directives: cacheControlOf(fields), isTargeted: false };
}

// A Dictionary of RFC 9651: a parse error makes the whole field invalid; a member of a wrong type is ignored.
function targetedDirectives(lines: readonly string[]): Directives | undefined {
  if (lines.length === 0) return undefined;
  try {
    const directives = new Map<string, string | true>();
    for (const [name, [value]] of parseDictionary(lines.join(', '))) {
      if (value === true) directives.set(name, true);
      else if (typeof value === 'number') directives.set(name, String(value));
    }
    return directives.size > 0 ? directives : undefined;
  } catch {
    return undefined;
  }
}
