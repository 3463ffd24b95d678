import type { Request } from 'express';
import { isUnavailable, ToolkitError } from '../../src/errors.js';
import type { FallbackReporter } from '../../src/fallback-reporter.js';
import type { IdempotentOptions } from './options.js';

const CONSEQUENCES = {
  refuse: 'requests with an Idempotency-Key are refused',
  proceed: 'requests with an Idempotency-Key may happen twice',
} as const;

/** What `next` gets when Redis could not be asked whether a request has happened: the refusal, or nothing. */
export function withoutRedis(
  error: unknown,
  onUnavailable: NonNullable<IdempotentOptions['onUnavailable']>,
  reporter: FallbackReporter,
  req: Request,
): ToolkitError | undefined {
  if (!isUnavailable(error)) throw error;
  reporter.applied(onUnavailable, CONSEQUENCES[onUnavailable], error, req);
  return onUnavailable === 'refuse' ? refused(error) : undefined;
}

const refused = (cause: ToolkitError): ToolkitError =>
  new ToolkitError(
    'IDEMPOTENCY_REFUSED',
    `the request was refused because Redis could not be asked whether it has happened: ${cause.message}`,
    { cause },
  );
