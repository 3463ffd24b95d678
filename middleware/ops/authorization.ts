import type { Request, RequestHandler, Response } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { kindOf } from '../../src/kind-of.js';
import { stack } from '../stack/index.js';
import { isFromLoopback } from './loopback.js';
import type { OpsSettings } from './options.js';
import { refuseWith } from './problem-answer.js';

const actors = new WeakMap<Request, string>();

/** The person who was authorized. */
export const actorOf = (req: Request): string => actors.get(req)!;

/** Lets through whom the option `authorize` admits, and answers 403 to everybody else. */
export function authorization({ authorize }: Pick<OpsSettings, 'authorize'>): RequestHandler {
  return stack(async (req, res, next) => {
    const actor =
      authorize === 'loopback' ? isFromLoopback(req) && 'loopback' : actorIn(await authorize(req, res));
    if (res.headersSent) return;
    if (actor === false) return refuseWith(res, 403, 'You may not use this page.');
    actors.set(req, actor);
    next();
  });
}

// A truthy object, such as a user of any role, is no decision. Of `isAdmin && id` a database may make 0.
function actorIn(result: unknown): string | false {
  if (!result) return false;
  if (result === true) return 'unnamed';
  if (typeof result === 'string' || typeof result === 'bigint' || Number.isFinite(result))
    return String(result);
  throw new ToolkitError(
    'OPTION_INVALID',
    `ops: option "authorize" must return true or false, or the name or id of the person, not ${kindOf(result)}`,
  );
}

/**
 * Refuses what a page of another origin asks for. Browsers say so in `Sec-Fetch-Site`, which no script can set; older
 * ones at least in `Origin`. An application with lenient CORS does not open these pages with it.
 */
export const fromThisOrigin: RequestHandler = (req, res, next) => {
  if (isFromThisOrigin(req)) next();
  else refuseWith(res, 403, 'A page of another origin may not use this.');
};

function isFromThisOrigin(req: Request): boolean {
  const site = req.get('Sec-Fetch-Site');
  // `none`: the person typed the address.
  if (site !== undefined) return site === 'same-origin' || (site === 'none' && isRead(req));
  const origin = req.get('Origin');
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === req.get('Host'));
}

const isRead = ({ method }: Request) => method === 'GET' || method === 'HEAD';

/** Fields of every answer: nothing is loaded from elsewhere, framed, cached or sniffed. */
export const securityFields = (_req: Request, res: Response, next: () => void): void => {
  res.set({
    'Content-Security-Policy':
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  });
  next();
};
