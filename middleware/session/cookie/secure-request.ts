import type { TLSSocket } from 'node:tls';
import type { Request } from 'express';

/** Whether the client uses HTTPS: on this socket, or to a trusted proxy. */
export function isSecure(req: Request, proxy: boolean | undefined): boolean {
  if ((req.socket as TLSSocket | undefined)?.encrypted) return true;
  return proxy === undefined ? req.secure === true : proxy && forwardedProto(req) === 'https';
}

export function forwardedProto(req: Request): string {
  const header = req.headers['x-forwarded-proto'];
  return String(header ?? '')
    .split(',')[0]!
    .trim()
    .toLowerCase();
}
