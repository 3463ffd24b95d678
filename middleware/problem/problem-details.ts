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
 * @throws ToolkitError `OPTION_INVALID` when anything is given to it
 */
export function problemDetails(...given: readonly never[]): ErrorRequestHandler {
  // `app.use(problemDetails)` would take the function for a middleware that answers nothing.
  if (given.length > 0) {
    throw new ToolkitError(
      'OPTION_INVALID',
      'problemDetails: it takes no options: app.use(problemDetails())',
    );
  }
  return function answerProblem(error: unknown, _req, res, next) {
    if (!(error instanceof ToolkitError)) return next(error);
    if (res.headersSent) return void res.destroy();
    const { status, code, problem } = error;
    sendProblem(res, { status, code, ...problem });
  };
}
