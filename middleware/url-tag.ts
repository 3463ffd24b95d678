import type { Request } from 'express';

/** The tag that every cached response has, so that it can be purged by URL: path and query, whatever the host. */
export function urlTag(url: string): string {
  return `url:${url}`;
}

/** The target of a request (RFC 9110 §7.1) without its scheme. */
export function targetUri(req: Request): string {
  // Node passes on whatever the client calls a host; a slash in it would pose as the beginning of the path.
  const host = (req.headers.host ?? '').toLowerCase().replaceAll('/', '%2F');
  return `${host}${req.originalUrl}`;
}
