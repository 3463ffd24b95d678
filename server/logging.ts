import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { type DestinationStream, type Logger, pino } from 'pino';
import { pinoHttp } from 'pino-http';

// Anything else in a client's id could forge log lines or headers further down.
const SAFE_REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

const SECRET_FIELDS = [
  'password',
  'passwordHash',
  'secret',
  'sessionSecret',
  'token',
  'cookie',
  'authorization',
];

const REDACTED = [
  ...SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
  '*.headers["proxy-authorization"]',
  '*.headers["set-cookie"]',
  '*.headers["x-api-key"]',
  // ioredis hangs the failed command on its errors: its arguments are session data, or the password of AUTH.
  '*.command.args',
];

/** The server's logger: JSON lines on stdout, without passwords, cookies and secrets. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = { level, redact: { paths: REDACTED, censor: '[redacted]' } };
  return destination ? pino(options, destination) : pino(options);
}

/** Logs each request once, and gives it the id that its log lines and its response carry. */
export function httpLogging(logger: Logger): RequestHandler {
  return pinoHttp({ logger, genReqId: requestId, customErrorObject: withoutInventedError }) as RequestHandler;
}

// pino-http invents an error, stack and all, for each answer of 500 and above: who threw the real one logs it.
function withoutInventedError(
  _req: IncomingMessage,
  res: ServerResponse,
  _error: Error,
  fields: object,
): object {
  return res.errored ? fields : { ...fields, err: undefined };
}

function requestId(req: IncomingMessage, res: ServerResponse): string {
  const offered = req.headers['x-request-id'];
  const id = typeof offered === 'string' && SAFE_REQUEST_ID.test(offered) ? offered : randomUUID();
  res.setHeader('X-Request-Id', id);
  return id;
}
