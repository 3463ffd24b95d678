import { ERROR_CATALOGUE } from './error-catalogue.js';
import type { NoticeCode } from './notices.js';

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** Members of a problem document (RFC 9457), such as `type` and `title`. */
export type ProblemMembers = Readonly<Record<string, unknown>>;

export interface ToolkitErrorOptions {
  readonly cause?: unknown;
  readonly problem?: ProblemMembers;
}

/**
 * The one error type of the toolkit. Wrong options throw it at construction; trouble at run time goes to `next(err)`, and
 * notices of `subscriber` to its `onError`.
 *
 * @example
 * app.use((err, req, res, next) => {
 *   if (err instanceof ToolkitError) return res.status(err.status).json({ code: err.code });
 *   next(err);
 * });
 */
export class ToolkitError extends Error {
  override readonly name = 'ToolkitError';
  readonly code: ErrorCode | NoticeCode;
  readonly status: number;
  /** The same as `status`, under the name that Nest and some error handlers read. */
  readonly statusCode: number;
  /** What `problemDetails` tells the client beside the code. */
  readonly problem: ProblemMembers | undefined;

  constructor(code: ErrorCode | NoticeCode, message: string, options: ToolkitErrorOptions = {}) {
    const { problem, ...cause } = options;
    super(message, cause);
    this.code = code;
    this.problem = problem;
    this.status = code in ERROR_CATALOGUE ? ERROR_CATALOGUE[code as ErrorCode].status : 500;
    this.statusCode = this.status;
  }
}

/** Whether Redis cannot serve, for the moment or until its configuration is changed: `onUnavailable` applies. */
export function isUnavailable(error: unknown): error is ToolkitError {
  return isMisconfigured(error) || (error instanceof ToolkitError && error.code === 'REDIS_UNAVAILABLE');
}

export function isMisconfigured(error: unknown): error is ToolkitError {
  return error instanceof ToolkitError && error.code === 'REDIS_MISCONFIGURED';
}

/** The error of JSON that is larger than it may be. `what` names the value, `advice` says what to do. */
export function tooLarge(
  code: ErrorCode,
  what: string,
  { bytes, maxBytes, advice }: { bytes: number; maxBytes: number; advice: string },
): ToolkitError {
  return new ToolkitError(code, `${what} is ${bytes} bytes of JSON, more than ${maxBytes}: ${advice}`);
}
