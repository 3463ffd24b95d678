import type { Request } from 'express';

/** Whether browsers send a cookie with this path along with the request (RFC 6265, section 5.1.4). */
export function isUnder(cookiePath: string, req: Request): boolean {
  if (cookiePath === '/' && req.originalUrl?.startsWith('/')) return true;
  const path = pathOf(req);
  if (!path.startsWith(cookiePath)) return false;
  return path.length === cookiePath.length || cookiePath.endsWith('/') || path[cookiePath.length] === '/';
}

// `originalUrl` is Express' own: a request of plain Node or of a WebSocket's upgrade has none.
// A request to a proxy also names scheme and host (RFC 9112, section 3.2.2).
const pathOf = (req: Request): string =>
  (req.originalUrl ?? req.url).replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').split('?', 1)[0] || '/';
