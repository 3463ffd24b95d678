import { randomBytes, timingSafeEqual } from 'node:crypto';
import { parseCookie } from 'cookie';
import type { Request, RequestHandler, Response } from 'express';
import { refuseWith } from './problem-answer.js';

const COOKIE = 'ops-token';
const FIELD = 'X-Ops-Token';
const TOKEN = /^[\w-]{43}$/;

/**
 * The token against forged requests, kept in a cookie of this browser that no script can read, and made when there is
 * none. An action has to repeat it in a field of the request, which no page of another origin can: it can neither read
 * the token nor send the field. So any process can check an action, whichever process made the page.
 */
export function forgeryToken(req: Request, res: Response): string {
  const known = cookieOf(req);
  const token = known ?? randomBytes(32).toString('base64url');
  if (known === undefined) {
    // Without a path: the browser takes the one that it asks, which a proxy may have changed on the way.
    const attributes = `HttpOnly; ${req.secure ? 'Secure; ' : ''}SameSite=Strict`;
    res.append('Set-Cookie', `${COOKIE}=${token}; ${attributes}`);
  }
  return token;
}

/** Refuses an action without the token. */
export const withToken: RequestHandler = (req, res, next) => {
  const [cookie, field] = [cookieOf(req), req.get(FIELD)];
  const isRepeated =
    cookie !== undefined &&
    field !== undefined &&
    TOKEN.test(field) &&
    timingSafeEqual(Buffer.from(cookie), Buffer.from(field));
  if (isRepeated) next();
  else refuseWith(res, 403, 'The token against forged requests is missing or old: load the page again.');
};

function cookieOf(req: Request): string | undefined {
  const token = parseCookie(req.headers.cookie ?? '')[COOKIE];
  return token !== undefined && TOKEN.test(token) ? token : undefined;
}
