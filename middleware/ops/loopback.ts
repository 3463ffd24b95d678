import type { IncomingMessage } from 'node:http';

const LOOPBACK_ADDRESS = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/;
const LOOPBACK_HOST = /^(?:(?:[\w-]+\.)*localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;
// A proxy on this machine has a loopback address too, whoever sent the request to it.
const FORWARDING =
  /^(?:forwarded|via|x-forwarded.*|x-real-ip|x-client-ip|cf-.*|true-client-ip|fastly-client-ip)$/;

/**
 * Whether a request comes from this machine, and not through a proxy. Express' `req.ip` is no proof: under `trust proxy` it
 * is what a client says. A page of another site may have its own name resolve to 127.0.0.1 (DNS rebinding), so the Host
 * field must name this machine as well.
 */
export function isFromLoopback({ socket, headers }: IncomingMessage): boolean {
  const { remoteAddress } = socket;
  if (remoteAddress === undefined || !LOOPBACK_ADDRESS.test(remoteAddress)) return false;
  if (Object.keys(headers).some((name) => FORWARDING.test(name))) return false;
  return LOOPBACK_HOST.test(headers.host ?? '');
}
