import { type ErrorCode, ToolkitError } from '../errors.js';
import type { Logger } from '../logger.js';

const LOG_AGAIN_AFTER_MS = 10_000;

export type ReportFailure = (code: ErrorCode, message: string, channel?: string, cause?: unknown) => void;

/** Tells `onError` of each failure; without it the log, so that a flood of messages is none of lines. */
export function messageFailures(
  logger: () => Logger,
  onError: ((error: ToolkitError, channel?: string) => void) | undefined,
): ReportFailure {
  const loggedAt = new Map<ErrorCode, number>();

  const log = (error: ToolkitError, channel: string | undefined) => {
    const now = performance.now();
    if (now - (loggedAt.get(error.code) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_AFTER_MS) return;
    loggedAt.set(error.code, now);
    logger().error({ err: error, code: error.code, channel }, error.message);
  };

  return (code, message, channel, cause) => {
    const error = new ToolkitError(code, message, cause === undefined ? undefined : { cause });
    if (!onError) return log(error, channel);
    try {
      onError(error, channel);
    } catch (thrown) {
      log(
        new ToolkitError('MESSAGE_HANDLER_FAILED', 'subscriber: onError threw', { cause: thrown }),
        channel,
      );
    }
  };
}
