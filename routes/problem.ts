import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import { ToolkitError } from '../src/errors.js';

export interface FieldError {
  field: string;
  message: string;
}

/** Thrown by a handler: the answer is an RFC 9457 problem with this status, detail and further members. */
export class Problem extends Error {
  override readonly name = 'Problem';
  /** Under this name NestJS reads the status of an error. */
  readonly statusCode: number;

  constructor(
    readonly status: number,
    readonly detail?: string,
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail ?? STATUS_CODES[status]);
    this.statusCode = status;
  }
}

// By the `type` that body-parser gives its errors; any other message of a library stays in the log.
const BODY_PROBLEMS: Record<string, string> = {
  'entity.parse.failed': 'is not valid JSON',
  'entity.too.large': 'is larger than this server takes',
  'request.size.invalid': 'is not as long as its Content-Length says',
  'charset.unsupported': 'must be in UTF-8, UTF-16 or UTF-32',
  'encoding.unsupported': 'must be plain, or compressed with gzip, deflate or br',
};

// The toolkit has logged these once for the whole outage, as has whoever throws a Problem of 500 and above.
const LOGGED_ELSEWHERE: readonly string[] = ['REDIS_UNAVAILABLE', 'INVALIDATION_REFUSED'];

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof ToolkitError) return new Problem(error.status, undefined, { code: error.code });
  const { status, type, code } = (error ?? {}) as { status?: unknown; type?: unknown; code?: unknown };
  if (typeof status !== 'number' || status < 400 || status > 499) return new Problem(500);
  // The router's, for a parameter of the path.
  if (error instanceof URIError) return fieldProblem(status, 'path', 'is not valid percent-encoding');
  const message = String(code).startsWith('Z_') ? 'could not be decompressed' : BODY_PROBLEMS[String(type)];
  return message ? fieldProblem(status, 'body', message) : new Problem(status);
}

function fieldProblem(status: number, field: string, message: string): Problem {
  return new Problem(status, `The ${field} ${message}.`, { errors: [{ field, message }] });
}

function isLoggedElsewhere(error: unknown): boolean {
  return error instanceof Problem || (error instanceof ToolkitError && LOGGED_ELSEWHERE.includes(error.code));
}

export const unknownRoute: RequestHandler = (req) => {
  throw new Problem(404, `There is no ${req.method} ${req.path} here.`);
};

/** The last middleware of an app: answers every error as a problem, and logs those that are the server's fault. */
export const problemHandler: ErrorRequestHandler = (error: unknown, req, res, _next) => {
  const { status, detail, members } = toProblem(error);
  if (status >= 500 && !isLoggedElsewhere(error))
    (req as LoggingRequest).log?.error({ err: error }, 'request failed');
  if (res.headersSent) {
    // Half an answer must not look like a whole one.
    res.destroy();
    return;
  }
  if (status === 401) res.set('WWW-Authenticate', 'Cookie realm="users"');
  if (status >= 500) res.set('Cache-Control', 'no-store');
  res.status(status).type('application/problem+json');
  res.send(
    JSON.stringify({
      type: 'about:blank',
      title: STATUS_CODES[status],
      status,
      detail,
      instance: req.originalUrl.split('?')[0],
      ...members,
    }),
  );
};

type LoggingRequest = Request & { log?: { error(fields: object, message: string): void } };
