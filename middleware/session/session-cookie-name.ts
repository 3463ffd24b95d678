import { ToolkitError } from '../../src/errors.js';
import type { SessionCookieSettings } from './cookie/options.js';

/** The prefix binds the cookie to its host (RFC 6265bis), wherever its rules can be kept. */
export function defaultName({ secure, domain, path }: SessionCookieSettings): string {
  return secure === true && domain === undefined && (path ?? '/') === '/'
    ? '__Host-connect.sid'
    : 'connect.sid';
}

/** @throws ToolkitError `OPTION_INVALID` */
export function refuseBrokenPrefix(name: string, { secure, domain, path }: SessionCookieSettings): void {
  const host = name.startsWith('__Host-');
  if (!host && !name.startsWith('__Secure-')) return;
  if (secure !== true) throw broken(name, 'cookie.secure: true');
  if (host && domain !== undefined) throw broken(name, 'no cookie.domain');
  if (host && (path ?? '/') !== '/') throw broken(name, 'cookie.path: "/"');
}

function broken(name: string, demand: string): ToolkitError {
  return new ToolkitError(
    'OPTION_INVALID',
    `session: browsers drop the cookie "${name}" without ${demand} (RFC 6265bis, cookie name prefixes)`,
  );
}
