import { parseCookie } from 'cookie';
import cookieParser from 'cookie-parser';
import { sign, unsign } from 'cookie-signature';
import type { Request, Response } from 'express';
import { RecentMap } from '../../../src/recent-map.js';
import { amendHead } from '../../response/index.js';
import { type SessionSecret, secretsFor } from '../secret.js';
import type { SessionCookie } from './cookie.js';

/** A session id with a valid signature. */
export interface SignedId {
  readonly id: string;
  /** The position in the list of the secret that signed it. */
  readonly secretIndex: number;
}

const MAX_VERIFIED_COOKIES = 10_000;
// A client can send several cookies of one name, and nobody may rely on their order (RFC 6265, section 4.2.2). The first
// bound limits what a request can cost Redis, the second what it can cost this process.
const MAX_CANDIDATES = 4;
const MAX_CHECKED = 64;
// cookieParser([first, …]) accepts all its secrets, and tells only the first.
const OLDER_SECRET = 1;

/** Reads the ids of all session cookies with a valid signature, in express-session's format: `s:`, id, signature. */
export function sessionIdReader(
  name: string,
  secrets: readonly SessionSecret[] | undefined,
): (req: Request) => readonly SignedId[] {
  // Checking a signature takes 8 µs, and a client sends the same cookie with each request. Only valid cookies are kept,
  // and only if the secrets do not depend on the request.
  const verified = new RecentMap<SignedId>(MAX_VERIFIED_COOKIES);
  const verify = (value: string, accepted: readonly SessionSecret[]): SignedId | undefined => {
    const known = verified.get(value);
    if (known) return known;
    const signed = verifiedId(value, accepted);
    if (signed && secrets) verified.set(value, signed);
    return signed;
  };
  const candidatesIn = (values: readonly string[], accepted: readonly SessionSecret[]): SignedId[] => {
    const candidates = new Map<string, SignedId>();
    for (const value of values.slice(0, MAX_CHECKED)) {
      const signed = verify(value, accepted);
      if (signed && !candidates.has(signed.id)) candidates.set(signed.id, signed);
      if (candidates.size === MAX_CANDIDATES) break;
    }
    return [...candidates.values()];
  };
  return (req) => {
    const accepted = secretsFor(req, secrets);
    const values = cookieValues(req, name);
    if (values.length === 0) return fromCookieParser(req, name, 0);
    if (values.length > 1) return orByCookieParser(candidatesIn(values, accepted), req);
    const signed = verify(values[0]!, accepted);
    return orByCookieParser(signed ? [signed] : [], req);
  };
  function orByCookieParser(signed: readonly SignedId[], req: Request): readonly SignedId[] {
    return signed.length > 0 || secrets ? signed : fromCookieParser(req, name, OLDER_SECRET);
  }
}

function verifiedId(value: string, secrets: readonly SessionSecret[]): SignedId | undefined {
  if (!value.startsWith('s:')) return undefined;
  for (const [secretIndex, secret] of secrets.entries()) {
    const id = idIn(value, secret);
    if (typeof id === 'string' && id !== '') return { id, secretIndex };
  }
  return undefined;
}

function cookieValues(req: Request, name: string): string[] {
  const values = valuesIn(req.headers.cookie ?? '', name);
  if (values.length > 0) return values;
  const parsed = (req.cookies as Record<string, unknown> | undefined)?.[name];
  return typeof parsed === 'string' ? [parsed] : [];
}

// Parses only the pairs that contain the name: parsing all cookies of a request costs more.
function valuesIn(header: string, name: string): string[] {
  const values: string[] = [];
  let end = 0;
  for (let at = header.indexOf(name); at >= 0; at = header.indexOf(name, end)) {
    const next = header.indexOf(';', at);
    end = next < 0 ? header.length : next;
    const value = parseCookie(header.slice(header.lastIndexOf(';', at) + 1, end))[name];
    if (value !== undefined) values.push(unquoted(value));
  }
  return values;
}

// cookieParser(secret) has checked the signature. Beside the option `secret` its result counts only if the cookie itself is
// no longer there: cookie-parser may use a secret that this session no longer accepts.
function fromCookieParser(req: Request, name: string, secretIndex: number): SignedId[] {
  const id: unknown = (req.signedCookies as Record<string, unknown> | undefined)?.[name];
  return typeof id === 'string' && id !== '' ? [{ id, secretIndex }] : [];
}

// RFC 6265, section 4.1.1: a cookie's value may be in quotes.
const unquoted = (value: string): string => (value[0] === '"' ? value.replace(/^"(.*)"$/, '$1') : value);

// cookie-parser accepts only secrets that are text.
function idIn(value: string, secret: SessionSecret): string | false | undefined {
  return typeof secret === 'string'
    ? cookieParser.signedCookie(value, secret)
    : unsign(value.slice(2), secret);
}

/** Adds the cookie to the response, in express-session's format. */
export function writeSessionId(
  res: Response,
  name: string,
  id: string,
  secret: SessionSecret,
  cookie: SessionCookie,
): void {
  const signed = `s:${sign(id, secret)}`;
  amendHead(res, () => res.appendHeader('Set-Cookie', cookie.serialize(name, signed)));
}
