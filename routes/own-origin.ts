import type { Request, RequestHandler } from 'express';
import { Problem } from './problem.js';

const READS = ['GET', 'HEAD', 'OPTIONS'];
// `none`: the person typed the address. Older browsers and what is no browser send nothing.
const OWN_SITE = [undefined, 'same-origin', 'none'];

/**
 * Refuses a change that a page of another origin asks for in the browser of somebody who is logged in here. The
 * session's `SameSite=Lax` stops other sites, but not another subdomain of this one.
 */
export const fromOwnOrigin: RequestHandler = (req, _res, next) => {
  if (!READS.includes(req.method) && !isOwn(req))
    throw new Problem(403, 'A page of another origin may not do this.');
  next();
};

function isOwn(req: Request): boolean {
  if (!OWN_SITE.includes(req.get('Sec-Fetch-Site'))) return false;
  const origin = req.get('Origin');
  return origin === undefined || origin === originIn(`${req.protocol}://${req.host}`);
}

// Without the port that the scheme implies, as browsers write it.
function originIn(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}
