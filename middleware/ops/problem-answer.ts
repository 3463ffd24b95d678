import { STATUS_CODES } from 'node:http';
import type { Response } from 'express';

/** Answers with a problem (RFC 9457). */
export function refuseWith(res: Response, status: number, detail: string): void {
  res.status(status).type('application/problem+json');
  res.send(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail }));
}
