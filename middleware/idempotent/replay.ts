import type { Response } from 'express';
import type { KeptAnswer } from '../../src/idempotency/index.js';
import { removeContentFields } from '../content-fields.js';
import { copyFields } from '../response/index.js';

/** Sends the answer of an earlier request again, byte for byte, without its cookies. */
export function replay(res: Response, { status, fields, body }: KeptAnswer): void {
  res.status(status);
  copyFields(res, fields);
  res.setHeader('Idempotency-Replayed', 'true');
  if (!res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'no-store');
  if (body === undefined) {
    res.setHeader('Idempotency-Replay', 'omitted');
    removeContentFields(res);
  }
  if (status !== 204 && status !== 304) res.setHeader('Content-Length', body?.length ?? 0);
  res.end(body);
}
