import type { SessionCookieSettings } from './options.js';

type PrefixedAttributes = Pick<SessionCookieSettings, 'secure' | 'domain' | 'path'>;

/** Chooses the prefix that binds the cookie to its host (RFC 6265bis), if the attributes allow it. */
export function defaultName({ secure, domain, path = '/' }: SessionCookieSettings): string {
  return secure === true && domain === undefined && path === '/' ? '__Host-connect.sid' : 'connect.sid';
}

/** Returns why browsers drop a cookie with this name and these attributes; undefined if they keep it. */
export function prefixComplaint(
  name: string,
  { secure, domain, path }: PrefixedAttributes,
): string | undefined {
  const isHost = name.startsWith('__Host-');
  if (!isHost && !name.startsWith('__Secure-')) return undefined;
  const demand =
    (secure !== true && 'cookie.secure: true') ||
    (isHost && domain && 'no cookie.domain') ||
    (isHost && path !== '/' && 'cookie.path: "/"');
  return demand
    ? `browsers drop the cookie "${name}" without ${demand} (RFC 6265bis, cookie name prefixes)`
    : undefined;
}
