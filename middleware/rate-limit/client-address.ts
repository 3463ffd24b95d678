import ipaddr from 'ipaddr.js';

/**
 * An IP address as a rate-limit key. A provider hands one customer a whole IPv6 subnet, so that single addresses
 * would be a limit that anyone escapes: they are cut to `ipv6Subnet` bits (RFC 6177).
 *
 * @param ip an address, e.g. `req.ip`; anything else is returned as it is
 * @param ipv6Subnet leading bits that make a client, 56 by default; false for the whole address
 * @example
 * rateLimit({ redis, keyGenerator: (req) => req.user?.id ?? ipKeyGenerator(req.ip!) });
 */
export function ipKeyGenerator(ip: string, ipv6Subnet: number | false = 56): string {
  const bare = ip.replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return ip;
  const address = ipaddr.process(bare);
  if (address.kind() === 'ipv4' || ipv6Subnet === false) return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${ipv6Subnet}`).toString()}/${ipv6Subnet}`;
}
