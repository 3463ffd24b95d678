import type { Request, Response } from 'express';
import type { AttemptOutcome, Attempts, RunsElsewhere } from '../../src/idempotency/index.js';
import { addListener } from '../../src/listeners.js';

/** A request with its key's digest and its fingerprint. */
export interface NamedAttempt {
  readonly id: string;
  readonly fingerprint: string;
  readonly req: Request;
  readonly res: Response;
}

/** Waits while another request runs the handler. Without its client it waits no longer, and does not run. */
export async function waitForAnswer(
  attempts: Attempts,
  running: RunsElsewhere,
  { id, fingerprint, res }: NamedAttempt,
  withinMs: number,
): Promise<AttemptOutcome> {
  const left = new AbortController();
  const stopListening = addListener(res, 'close', () => left.abort());
  if (res.closed) left.abort();
  try {
    return await attempts.wait(id, fingerprint, running, { withinMs, signal: left.signal });
  } finally {
    stopListening();
  }
}
