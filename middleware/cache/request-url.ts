import type { Request } from 'express';
import { normalisedUrl, pathAndQuery, type QueryParams } from '../../src/tags/url-tags.js';

/** The target of a request (RFC 9110 §7.1) without its scheme. */
export function targetUri(req: Request, params?: QueryParams): string {
  // Node passes on whatever the client calls a host; a slash in it would pose as the beginning of the path.
  const host = (req.headers.host ?? '').toLowerCase().replaceAll('/', '%2F');
  return `${host}${normalisedUrl(req.originalUrl, params)}`;
}

/** Further URLs that an unsafe request has changed: `Location` and `Content-Location` of its origin (RFC 9111 §4.4). */
export function namedByResponse(req: Request, locations: readonly unknown[]): string[] {
  const own = parsed(`http://${req.headers.host ?? 'unknown'}${pathAndQuery(req.originalUrl)}`);
  return locations.flatMap((location) => {
    const url = own && typeof location === 'string' ? parsed(location, own) : undefined;
    return url && url.host === own!.host ? [url.pathname + url.search] : [];
  });
}

function parsed(url: string, base?: URL): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
