import { STATUS_CODES } from 'node:http';
import type { Response } from 'express';
import { removeContentFields } from './content-fields.js';

interface ProblemDocument {
  readonly status: number;
  readonly title?: string;
  readonly [member: string]: unknown;
}

/** Answers with a problem document (RFC 9457), which nobody may store. */
export function sendProblem(res: Response, { status, ...members }: ProblemDocument): void {
  // A handler may have described its own content before it failed: a problem in gzip could not be read.
  removeContentFields(res);
  res.status(status).set('Cache-Control', 'no-store').type('application/problem+json');
  res.send(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, ...members }));
}
