import type { ErrorRequestHandler } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { sendProblem } from '../send-problem.js';

/**
 * An error handler that answers every `ToolkitError` as problem+json (RFC 9457) with its `status`, its `code`, and the
 * problem type that fits it. It passes every other error on. Messages stay out of the answer: they are meant for
 * whoever runs the server. A response that has begun is cut off, so that nobody takes half an answer for a whole one.
 *
 * @example
 * app.use(problemDetails());
 */
export function problemDetails(): ErrorRequestHandler {
  return function answerProblem(error: unknown, _req, res, next) {
    if (!(error instanceof ToolkitError)) return next(error);
    if (res.headersSent) return void res.destroy();
    const { status, code, problem } = error;
    sendProblem(res, { status, code, ...problem });
  };
}
