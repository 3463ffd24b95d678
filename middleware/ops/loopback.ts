import type { IncomingMessage } from 'node:http';

const LOOPBACK_ADDRESS = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/;
const LOOPBACK_HOST = /^(?:(?:[\w-]+\.)*localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;
// A proxy on this machine has a loopback address too, whoever sent the request to it.
const FORWARDING =
  /^(?:forwarded|via|cdn-loop|front-end-https|(?:[\w-]+-)?client-ip|x-(?:forwarded|original|real|remote|proxy|envoy|nginx|arr|azure|appengine|scheme|host).*|cf-.*)$/;

/**
 * Whether a request comes from this machine, and not through a proxy. Express' `req.ip` is no proof: under `trust proxy` it
 * is what a client says. A page of another site may have its own name resolve to 127.0.0.1 (DNS rebinding), so the Host
 * field must name this machine as well.
 */
export function isFromLoopback({ socket, headers, httpVersion }: IncomingMessage): boolean {
  // nginx without `proxy_set_header` tells nothing of its client, and names this machine as the host. It speaks 1.0.
  if (httpVersion === '1.0') return false;
  const { remoteAddress } = socket;
  if (remoteAddress === undefined || !LOOPBACK_ADDRESS.test(remoteAddress)) return false;
  if (Object.keys(headers).some((name) => FORWARDING.test(name))) return false;
  return LOOPBACK_HOST.test(headers.host ?? '');
}
