import { ToolkitError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { NoticeCode } from '../notices.js';
import { monotonicNow } from '../timers.js';

const LOG_AGAIN_AFTER_MS = 10_000;

export type ReportFailure = (code: NoticeCode, message: string, channel?: string, cause?: unknown) => void;

/** Gives each failure to `onError`. Without `onError` logs at most one line per code and 10 seconds. */
export function messageFailures(
  logger: () => Logger,
  onError: ((error: ToolkitError, channel?: string) => void) | undefined,
): ReportFailure {
  const loggedAt = new Map<ToolkitError['code'], number>();

  const log = (error: ToolkitError, channel: string | undefined) => {
    const now = monotonicNow();
    if (now - (loggedAt.get(error.code) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_AFTER_MS) return;
    loggedAt.set(error.code, now);
    logger().error({ err: error, code: error.code, channel }, error.message);
  };

  return (code, message, channel, cause) => {
    const error = new ToolkitError(code, message, cause === undefined ? undefined : { cause });
    if (!onError) return log(error, channel);
    const failed = (thrown: unknown) =>
      log(
        new ToolkitError('MESSAGE_HANDLER_FAILED', 'subscriber: onError threw', { cause: thrown }),
        channel,
      );
    try {
      Promise.resolve(onError(error, channel)).catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  };
}
