import type { Response } from 'express';
import { ERROR_CATALOGUE } from '../../src/error-catalogue.js';
import { sendProblem } from '../send-problem.js';

// The titles are those of draft-ietf-httpapi-idempotency-key-header-07.
const TITLES = {
  IDEMPOTENCY_KEY_MISSING: 'Idempotency-Key is missing',
  IDEMPOTENCY_KEY_INVALID: 'Idempotency-Key is invalid',
  IDEMPOTENCY_SCOPE_MISSING: 'Idempotency-Key needs a client that is known',
  IDEMPOTENCY_KEY_REUSED: 'Idempotency-Key is already used',
  IDEMPOTENCY_KEY_IN_USE: 'A request is outstanding for this Idempotency-Key',
  IDEMPOTENCY_OUTCOME_UNKNOWN: 'The outcome of an earlier request is unknown',
  IDEMPOTENCY_CONTENT_TOO_LARGE: 'The content is too large for an Idempotency-Key',
  IDEMPOTENCY_CONTENT_TIMEOUT: 'The content did not arrive in time',
} as const;

export type IdempotencyProblem = keyof typeof TITLES;

/** Answers with a problem (RFC 9457), without running the handler. */
export function answerProblem(
  res: Response,
  code: IdempotencyProblem,
  { documentationUrl, retryAfterMs }: { documentationUrl?: string | undefined; retryAfterMs?: number },
): void {
  const { status, help } = ERROR_CATALOGUE[code];
  if (retryAfterMs !== undefined) res.set('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  if (documentationUrl !== undefined) res.append('Link', `<${documentationUrl}>; rel="describedby"`);
  // The rest of a content that nobody reads must not be taken for the next request.
  if (status === 413 || status === 408) res.set('Connection', 'close');
  const type = documentationUrl && { type: documentationUrl };
  sendProblem(res, { status, ...type, title: TITLES[code], detail: help, code });
}
