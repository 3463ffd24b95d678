import { STATUS_CODES } from 'node:http';
import type { Response } from 'express';

interface ProblemDocument {
  readonly status: number;
  readonly title?: string;
  readonly [member: string]: unknown;
}

/** Answers with a problem document (RFC 9457), which nobody may store. */
export function sendProblem(res: Response, { status, ...members }: ProblemDocument): void {
  res.status(status).set('Cache-Control', 'no-store').type('application/problem+json');
  res.send(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, ...members }));
}
