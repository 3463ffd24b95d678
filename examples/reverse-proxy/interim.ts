import { type InformationEvent, OutgoingMessage } from 'node:http';
import type { Request, Response } from 'express';
import { fieldLines } from './fields.js';

// Read past the response itself: to a handler that refreshes an entry in the background, after the client got the
// stale one, `cacheResponse` shows a response that has not begun.
const hasBegun = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, 'headersSent')!.get!;

/**
 * Passes an interim response (RFC 9110 §15.2) with all of its fields. Not by `res.writeEarlyHints`, which needs a `Link`
 * and throws for many that are valid.
 */
export function passInterim(req: Request, res: Response, interim: InformationEvent): void {
  const { statusCode, statusMessage, rawHeaders, headers } = interim;
  const { socket } = res;
  // A 100 is the answer to the `Expect` of one connection, and HTTP/1.0 knows no interim responses.
  if (statusCode === 100 || req.httpVersion === '1.0' || hasBegun.call(res) || !socket) return;
  // An interim response is a hint: a client that does not read misses it, and the memory of this process stays bounded.
  if (socket.writableNeedDrain) return;
  const connection = [headers.connection].flat().join();
  const lines = fieldLines(rawHeaders, connection)
    .filter(([name]) => name !== 'content-length')
    .flatMap(([name, values]) => values.map((value) => `${name}: ${value}\r\n`));
  const reason = statusMessage.replace(/[^\t\x20-\x7e\x80-\xff]/g, '');
  socket.write(`HTTP/1.1 ${statusCode} ${reason}\r\n${lines.join('')}\r\n`, 'latin1');
}
