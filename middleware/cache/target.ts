import type { Request } from 'express';

const ABSOLUTE_FORM = /^([a-z][a-z\d+.-]*):\/\/([^/?#]*)/i;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' };

/**
 * Scheme and authority of a request's target URI as the application sees them under `trust proxy` (RFC 9110 §7.1),
 * e.g. `https://example.com`. Undefined when the request contradicts itself: its target names another origin than its
 * fields do (RFC 9112 §3.2.2), and nobody knows which of the two the handler reads.
 */
export function originOf(req: Request): string | undefined {
  const scheme = req.protocol;
  const authority = normalised(scheme, forwardedHost(req) ?? req.headers.host ?? '');
  const named = req.originalUrl.startsWith('/') ? null : ABSOLUTE_FORM.exec(req.originalUrl);
  const isConsistent =
    !named || (named[1]!.toLowerCase() === scheme && normalised(scheme, named[2]!) === authority);
  return isConsistent ? `${scheme}://${authority}` : undefined;
}

// As Express' `req.host`, whose Express 4 form has no port.
function forwardedHost(req: Request): string | undefined {
  const forwarded = req.headers['x-forwarded-host'];
  if (typeof forwarded !== 'string' || forwarded === '') return undefined;
  const trusts: unknown = req.app.get('trust proxy fn');
  const isTrusted = typeof trusts === 'function' && trusts(req.socket.remoteAddress, 0);
  return isTrusted ? forwarded.split(',', 1)[0]!.trim() : undefined;
}

// Node passes on whatever a client calls a host; a slash in it would pose as the beginning of the path.
function normalised(scheme: string, authority: string): string {
  const lower = authority.toLowerCase().replaceAll('/', '%2F');
  const port = DEFAULT_PORTS[scheme];
  return port && lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}

/** Whether an origin is one of the option `hosts`: `example.com` (any port), `example.com:3000`, `*.example.com`. */
export function hostMatcher(hosts: readonly string[]): (origin: string) => boolean {
  const exact = new Set<string>();
  const suffixes: string[] = [];
  for (const host of hosts.map((each) => each.toLowerCase())) {
    if (host.startsWith('*.')) suffixes.push(host.slice(1));
    else exact.add(host);
  }
  return (origin) => {
    const authority = origin.slice(origin.indexOf('://') + 3);
    const name = authority.replace(/:\d+$/, '');
    return exact.has(authority) || exact.has(name) || suffixes.some((suffix) => name.endsWith(suffix));
  };
}
