import type { NextFunction, Request, Response } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { kindOf } from '../../src/kind-of.js';
import { ignoreRejection, isThenable } from '../../src/settle.js';
import { setCacheStatus } from './cache-status.js';
import { hideHandlerTags } from './handler-tags.js';
import type { CacheSettings } from './settings.js';

/**
 * Whether the option `skip` lets a request pass. It has to say so at once, because the look-up leaves in this turn.
 *
 * @throws ToolkitError `OPTION_INVALID`
 */
export function isSkipped(req: Request, { skip }: CacheSettings): boolean {
  if (!skip) return false;
  const given: unknown = skip(req);
  if (!isThenable(given) && typeof given !== 'function') return Boolean(given);
  ignoreRejection(given);
  throw new ToolkitError(
    'OPTION_INVALID',
    `cacheResponse: the option "skip" returned ${kindOf(given)}: return true or false`,
  );
}

/** Passes a request on that another `cacheResponse` behind this one may still have. */
export function passSkipped(res: Response, next: NextFunction, isTaken: () => boolean): void {
  hideHandlerTags(res, () => {
    if (!isTaken()) setCacheStatus(res, { fwd: 'bypass', detail: 'skip' });
  });
  next();
}
