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

  constructor(
    readonly status: number,
    readonly detail?: string,
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail ?? STATUS_CODES[status]);
  }
}

// By the `type` that body-parser gives its errors; any other message of a library stays in the log.
const BODY_PROBLEMS: Record<string, string> = {
  'entity.parse.failed': 'is not valid JSON',
  'entity.too.large': 'is larger than this server takes',
};

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof ToolkitError) return new Problem(error.status, undefined, { code: error.code });
  const { status, type } = (error ?? {}) as { status?: unknown; type?: unknown };
  if (typeof status !== 'number' || status < 400 || status > 499) return new Problem(500);
  const message = BODY_PROBLEMS[String(type)];
  if (!message) return new Problem(status);
  return new Problem(status, `The body ${message}.`, { errors: [{ field: 'body', message }] });
}

export const unknownRoute: RequestHandler = (req) => {
  throw new Problem(404, `There is no ${req.method} ${req.path} here.`);
};

/** The last middleware of an app: answers every error as a problem, and logs those that are the server's fault. */
export const problemHandler: ErrorRequestHandler = (error: unknown, req, res, _next) => {
  const { status, detail, members } = toProblem(error);
  if (status >= 500) (req as LoggingRequest).log?.error({ err: error }, 'request failed');
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
