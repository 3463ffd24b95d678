import { parseCookie } from 'cookie';
import cookieParser from 'cookie-parser';
import { sign } from 'cookie-signature';
import type { Request, Response } from 'express';
import { ToolkitError } from '../src/errors.js';
import { amendHead } from './held-head.js';
import type { SessionCookie } from './session-cookie.js';

/** An id whose signature is by one of the secrets. */
export interface SignedId {
  readonly id: string;
  /** By a secret that is no longer the first. */
  readonly stale: boolean;
}

/** The option's secrets, or the one that cookie-parser was given. */
export function secretsFor(req: Request, configured: readonly string[] | undefined): readonly string[] {
  if (configured) return configured;
  if (req.secret) return [req.secret].flat();
  throw new ToolkitError(
    'SESSION_SECRET_MISSING',
    'session: option "secret" is missing, and no cookieParser(secret) runs before',
  );
}

/** Reads a cookie of express-session's format: `s:`, the id, and its signature. */
export function readSessionId(req: Request, name: string, secrets: readonly string[]): SignedId | undefined {
  const value = cookieValue(req, name);
  if (!value?.startsWith('s:')) return undefined;
  for (const [position, secret] of secrets.entries()) {
    const id = cookieParser.signedCookie(value, secret);
    if (typeof id === 'string' && id !== '') return { id, stale: position > 0 };
  }
  return undefined;
}

function cookieValue(req: Request, name: string): string | undefined {
  const header = req.headers.cookie;
  // Parsing all cookies costs more than looking for the name of one.
  const value = header?.includes(name) ? parseCookie(header)[name] : undefined;
  return value ?? (req.cookies as Record<string, string> | undefined)?.[name];
}

/** Sends the cookie as express-session does: `s:` and a signature by the newest secret. */
export function writeSessionId(
  res: Response,
  name: string,
  id: string,
  secret: string,
  cookie: SessionCookie,
): void {
  amendHead(res, () => res.appendHeader('Set-Cookie', cookie.serialize(name, `s:${sign(id, secret)}`)));
}
