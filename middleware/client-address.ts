import type { Request } from 'express';
import ipaddr from 'ipaddr.js';

/**
 * The client's address as a key. A provider hands one customer a whole IPv6 subnet, so that single addresses
 * would be a limit that anyone escapes: they are cut to `subnet` bits (/56 by default, RFC 6177).
 */
export function clientAddress(req: Request, subnet: number | false): string | undefined {
  const ip = req.ip?.replace(/%.*$/, '');
  if (ip === undefined || !ipaddr.isValid(ip)) return undefined;
  const address = ipaddr.process(ip);
  if (address.kind() === 'ipv4' || subnet === false) return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${subnet}`).toString()}/${subnet}`;
}
