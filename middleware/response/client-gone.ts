import type { Response } from 'express';

const CUT_BY_CLIENT = new Set(['ECONNRESET', 'EPIPE']);

/**
 * Whether a response that closes before its end was left by its client. One that the application has destroyed closes in
 * the same way, but its socket has neither ended nor failed.
 */
export function isLeftByClient({ req: { socket } }: Response): boolean {
  const { code } = (socket.errored ?? {}) as NodeJS.ErrnoException;
  return socket.readableEnded || (code !== undefined && CUT_BY_CLIENT.has(code));
}
