import { publish } from '../../src/diagnostics.js';
import { ToolkitError } from '../../src/errors.js';
import { hashId } from '../../src/sessions/index.js';
import type { RequestContext } from './request-context.js';

/** Why the changes of a request cannot be stored. */
export type LossReason = 'ended' | 'response begun';

const MESSAGES: Record<LossReason, string> = {
  ended: 'the session ended (logout or expiry) or was replaced during the request',
  'response begun': 'the response had begun before the session was created, so its cookie could not be sent',
};

export function lossError(reason: LossReason): ToolkitError {
  return new ToolkitError('SESSION_NOT_FOUND', `session: ${MESSAGES[reason]}; its changes were not stored`);
}

/** Reports a loss that no answer can report, because the head of the response has already been sent. */
export function reportLoss({ settings, req }: RequestContext, id: string, reason: LossReason): void {
  const handle = hashId(id);
  settings.logger.warn({ code: 'SESSION_NOT_FOUND', handle }, lossError(reason).message);
  publish('session-lost', () => ({ handle, reason }), req);
}
