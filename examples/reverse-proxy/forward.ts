import { type IncomingMessage, request } from 'node:http';
import type { RequestHandler, Response } from 'express';
import { endToEnd, fieldLines, framing } from './fields.js';
import { passInterim } from './interim.js';

/**
 * A plain reverse proxy: the request goes to the origin as it is, and its answer comes back as it is. An answer that
 * HTTP cannot express becomes a 502 while nothing has left, and a cut connection afterwards.
 */
export function forwardTo(origin: URL): RequestHandler {
  return (req, res) => {
    if (res.destroyed) return;
    const headers = { ...endToEnd(req.headers, req.headers.connection), ...framing(req) };
    // A connection for each request: bytes that an origin sends too many must not become the next client's answer.
    const sent = request(origin, { method: req.method, path: req.originalUrl, headers, agent: false });
    let answered = false;
    const unanswered = () => {
      if (!answered) badGateway(res, 'The origin gave no answer.');
      answered = true;
    };
    sent.on('information', (interim) => passInterim(req, res, interim));
    sent.on('response', (answer) => {
      answered = true;
      passBack(answer, res);
    });
    // After the head, the answer itself tells of errors where they matter: bytes behind its end do not. A 101 that
    // nobody asked for has no error, Node closes its connection.
    sent.on('error', unanswered).on('close', unanswered);
    // A client that goes away before its answer is whole needs none.
    res.once('close', () => res.writableEnded || sent.destroy());
    req.pipe(sent);
  };
}

function passBack(answer: IncomingMessage, res: Response): void {
  const passed: string[] = [];
  let failed = false;
  const fail = () => {
    if (failed) return;
    failed = true;
    answer.destroy();
    if (res.headersSent) return void res.destroy();
    for (const name of passed) res.removeHeader(name);
    badGateway(res, 'The origin gave an answer that cannot be passed on.');
  };
  // Node throws for what it refuses to send: here that ends one answer, in an event it would end the process.
  const orFail = (step: () => void) => {
    try {
      step();
    } catch {
      fail();
    }
  };
  answer.on('error', fail);
  answer.on('data', (chunk) =>
    orFail(() => {
      if (res.write(chunk)) return;
      answer.pause();
      res.once('drain', () => answer.resume());
    }),
  );
  answer.on('end', () =>
    orFail(() => {
      // Node leaves them out where the client's connection has no place for them.
      res.addTrailers(trailersOf(answer));
      res.end();
    }),
  );
  orFail(() => passHead(answer, res, passed));
}

/** Notes in `passed` the names of the headers that it has set. */
function passHead(answer: IncomingMessage, res: Response, passed: string[]): void {
  // Node takes the chunks away and leaves any other coding, of which the next connection would say nothing.
  if (/[^\s,]/.test((answer.headers['transfer-encoding'] ?? '').replace(/\bchunked\b/i, '')))
    throw new Error('a transfer coding that nobody asked for');
  for (const [name, lines] of fieldLines(answer.rawHeaders, answer.headers.connection)) {
    res.setHeader(name, lines.length === 1 ? lines[0]! : lines);
    passed.push(name);
  }
  res.status(answer.statusCode!);
  // Node's parser takes control characters there, and its writer throws.
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(answer.statusMessage!)) res.statusMessage = answer.statusMessage!;
}

function trailersOf({ rawTrailers }: IncomingMessage): [string, string][] {
  return fieldLines(rawTrailers, undefined).flatMap(([name, lines]) =>
    lines.map((line): [string, string] => [name, line]),
  );
}

function badGateway(res: Response, text: string): void {
  res.statusMessage = '';
  res.status(502).type('text').end(`${text}\n`);
}
