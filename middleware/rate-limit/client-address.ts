import type { Request, Response } from 'express';
import ipaddr from 'ipaddr.js';
import { ToolkitError } from '../../src/errors.js';
import { kindOf } from '../../src/kind-of.js';
import { memoize } from '../../src/memoize.js';
import { aWholeNumber } from '../../src/read-options.js';
import { whenSettled } from '../../src/settle.js';
import { aSubnet, type RateLimitSettings } from './options.js';
import { resolved } from './policies.js';

const aSubnetSize = aWholeNumber('bits', 128, 32);

type Subnet = RateLimitSettings['ipv6Subnet'];

/** The key of all requests without an address: over a unix socket, or of a client that has gone. */
export const NO_ADDRESS = 'unknown address';

/**
 * An IP address as a rate-limit key. A provider gives each customer a whole IPv6 subnet (RFC 6177). With single addresses
 * as keys anybody could escape the limit, so addresses are cut to `ipv6Subnet` bits. A port is left out.
 *
 * @param ip an address, e.g. `req.ip`; another text is returned unchanged, and all requests without an address get one key
 * @param ipv6Subnet leading bits that identify a client, 56 by default; false for the whole address
 * @throws ToolkitError `RATE_LIMIT_KEY_MISSING`, `OPTION_INVALID`
 * @example
 * rateLimit({ redis, keyGenerator: (req) => req.user?.id ?? ipKeyGenerator(req.ip) });
 */
export function ipKeyGenerator(ip: string | undefined, ipv6Subnet: number | false = 56): string {
  if (!ip) return NO_ADDRESS;
  checkArguments(ip, ipv6Subnet);
  const address = parseAddress(ip);
  if (!address) return ip;
  if (address.kind() === 'ipv4' || ipv6Subnet === false) return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${ipv6Subnet}`).toString()}/${ipv6Subnet}`;
}

function checkArguments(ip: unknown, ipv6Subnet: unknown): void {
  if (typeof ip !== 'string') {
    const message = `ipKeyGenerator: argument "ip" must be a string such as req.ip, not ${kindOf(ip)}`;
    throw new ToolkitError('RATE_LIMIT_KEY_MISSING', message);
  }
  if (ipv6Subnet === false || aSubnetSize(ipv6Subnet) === undefined) return;
  const message = `ipKeyGenerator: argument "ipv6Subnet" ${aSubnetSize(ipv6Subnet)}, or false`;
  throw new ToolkitError('OPTION_INVALID', message);
}

/** Makes the default `keyGenerator`. */
export function addressKeys(ipv6Subnet: Subnet): (req: Request, res: Response) => string | Promise<string> {
  if (typeof ipv6Subnet !== 'function') return keysOfSubnet(ipv6Subnet);
  const addressOf = keysOfSubnet(false);
  return (req, res) => {
    const address = addressOf(req);
    if (!address.includes(':')) return address;
    return whenSettled(resolved('ipv6Subnet', ipv6Subnet, aSubnet, req, res), (bits) =>
      ipKeyGenerator(address, bits),
    );
  };
}

function keysOfSubnet(ipv6Subnet: number | false): (req: Request) => string {
  // Parsing an address takes 8 µs, a twentieth of a request, and the same few clients come again and again.
  const parsed = memoize(10_000, (ip) => ({
    key: ipKeyGenerator(ip, ipv6Subnet),
    hasPort: withoutPort(ip) !== ip,
  }));
  return (req) => {
    const { ip } = req;
    if (!ip) return NO_ADDRESS;
    const { key, hasPort } = parsed(ip);
    return hasPort ? parsed(clientAddress(req)).key : key;
  };
}

function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = withoutPort(text).replace(/%.*$/, '');
  return ipaddr.isValid(bare) ? untranslated(ipaddr.process(bare)) : undefined;
}

// A network without IPv4 of its own sees every IPv4 client in one /96, which would be one client (RFC 6052, SIIT).
function untranslated(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  return address.range() === 'rfc6052' ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address;
}

// Azure's gateways write `203.0.113.7:51234` and `[2001:db8::1]:51234` into X-Forwarded-For.
const BRACKETED = /^\[([^\]]+)\](?::\d*)?$/;
const PORT = /:\d*$/;

/** The address without its port. The last group of an IPv6 address without brackets is no port. */
function withoutPort(text: string): string {
  const bracketed = BRACKETED.exec(text)?.[1];
  if (bracketed !== undefined) return bracketed;
  const bare = text.replace(PORT, '');
  return /[.:]/.test(bare) && !ipaddr.isValid(text) && ipaddr.isValid(bare) ? bare : text;
}

type TrustProxy = (address: string, distance: number) => boolean;

/**
 * The client's address by Express' `trust proxy`, as in `req.ip`. Express itself takes an entry with a port for an
 * address that it does not trust, and stops there.
 */
function clientAddress(req: Request): string {
  const isTrusted = req.app.get('trust proxy fn') as TrustProxy;
  const forwarded = String(req.headers['x-forwarded-for'] ?? '').split(',');
  const hops = [req.socket.remoteAddress ?? '', ...forwarded.reverse()].map((hop) => withoutPort(hop.trim()));
  return hops.find((hop, distance) => !isTrusted(hop, distance)) ?? hops.at(-1)!;
}
