import type { Request } from 'express';
import type { Check } from '../../src/read-options.js';

const ABSOLUTE_FORM = /^([a-z][a-z\d+.-]*):\/\/([^/?#]*)/i;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' };

/**
 * Scheme and authority of a request's target URI as the application sees them under `trust proxy` (RFC 9110 §7.1),
 * e.g. `https://example.com`. Undefined when nobody knows what the handler makes of them: the target names another origin
 * than the fields do (RFC 9112 §3.2.2), or the scheme, which `X-Forwarded-Proto` may give, is any text.
 */
export function originOf(req: Request): string | undefined {
  const scheme = req.protocol;
  if (scheme !== 'https' && scheme !== 'http') return undefined;
  const authority = normalised(scheme, forwardedHost(req) ?? req.headers.host ?? '');
  const named = isPath(req.originalUrl) ? null : ABSOLUTE_FORM.exec(req.originalUrl);
  const isConsistent =
    !named || (named[1]!.toLowerCase() === scheme && normalised(scheme, named[2]!) === authority);
  return isConsistent ? `${scheme}://${authority}` : undefined;
}

const isPath = (target: string): boolean => target.startsWith('/');

/**
 * Whether a request names its target as others do, by path and query. A handler may repeat the absolute form or a
 * fragment in a link or a redirect, which is no answer to others then.
 */
export const isCommonTarget = ({ originalUrl }: Request): boolean =>
  isPath(originalUrl) && !originalUrl.includes('#');

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

const HOST = /^(\*\.)?(?:[\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i;

export const aListOfHosts: Check = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((host) => typeof host === 'string' && HOST.test(host))
    ? undefined
    : 'must be a list of hosts without scheme and path, such as "example.com", "example.com:3000", "[::1]" or "*.example.com"; names in other letters begin with xn--';

/** Whether an origin is one of the option `hosts`: `example.com` (any port), `example.com:3000`, `*.example.com`. */
export function hostMatcher(hosts: readonly string[]): (origin: string) => boolean {
  const exact = new Set<string>();
  const suffixes: string[] = [];
  for (const host of hosts.map((each) => each.toLowerCase())) {
    if (host.startsWith('*.')) suffixes.push(host.slice(1));
    else exact.add(host);
  }
  return (origin) => {
    const [scheme, authority] = origin.split('://') as [string, string];
    const name = authority.replace(/:\d+$/, '');
    const withPort = name === authority ? name + DEFAULT_PORTS[scheme] : authority;
    if (exact.has(name) || exact.has(withPort)) return true;
    return suffixes.some((suffix) => name.endsWith(suffix) || withPort.endsWith(suffix));
  };
}
