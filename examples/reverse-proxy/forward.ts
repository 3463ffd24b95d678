import { type IncomingMessage, request } from 'node:http';
import type { RequestHandler, Response } from 'express';

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** A plain reverse proxy: the request goes to the origin as it is, and its answer comes back as it is. */
export function forwardTo(origin: URL): RequestHandler {
  return (req, res) => {
    const headers = endToEnd(req.headers, req.headers.connection);
    const sent = request(origin, { method: req.method, path: req.originalUrl, headers });
    sent.on('information', ({ statusCode, rawHeaders }) => passInterim(res, statusCode, rawHeaders));
    sent.on('response', (answer) => passBack(answer, res));
    sent.on('error', () => {
      if (res.headersSent) res.destroy();
      else res.status(502).type('text').end('The origin could not be reached.\n');
    });
    // A client that goes away before its answer is whole needs none.
    res.on('close', () => res.writableEnded || sent.destroy());
    req.pipe(sent);
  };
}

function passBack(answer: IncomingMessage, res: Response): void {
  const { headers, headersDistinct } = answer;
  for (const [name, lines] of Object.entries(endToEnd(headersDistinct, headers.connection))) {
    res.setHeader(name, lines!.length === 1 ? lines![0]! : lines!);
  }
  res.status(answer.statusCode!).statusMessage = answer.statusMessage!;
  answer.on('aborted', () => res.destroy());
  answer.pipe(res);
}

function passInterim(res: Response, status: number, rawHeaders: readonly string[]): void {
  const link = rawHeaders.find((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === 'link');
  if (status === 102) res.writeProcessing();
  if (status === 103 && link) res.writeEarlyHints({ link });
}

// RFC 9110 §7.6.1: what speaks of one connection ends with it.
function endToEnd<Value>(headers: NodeJS.Dict<Value>, connection: string | undefined): NodeJS.Dict<Value> {
  const named = (connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const ending = new Set([...HOP_BY_HOP, ...named]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ending.has(name)));
}
