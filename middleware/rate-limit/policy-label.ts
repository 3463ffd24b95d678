import type { Request, Response } from 'express';
import type { QuotaVerdict } from '../../src/limits/index.js';
import { whenSettled } from '../../src/settle.js';
import { aFieldString, type RateLimitSettings } from './options.js';
import { resolved } from './policies.js';

/** The verdict with the name that the function `identifier` gives its policy, for headers and `req.rateLimit`. */
export function labelled(
  verdict: QuotaVerdict,
  identifier: RateLimitSettings['identifier'],
  req: Request,
  res: Response,
): QuotaVerdict | Promise<QuotaVerdict> {
  if (typeof identifier !== 'function') return verdict;
  return whenSettled(resolved('identifier', identifier, aFieldString, req, res), (name) => ({
    ...verdict,
    quotas: verdict.quotas.map((quota) => ({ ...quota, name })),
  }));
}
