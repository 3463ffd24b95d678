import type { Request } from 'express';
import { consoleLogger, type Logger } from '../../src/logger.js';
import { loggedPath, logMisuse } from '../../src/notices.js';
import { stateOf } from '../request-state.js';

declare module '../request-state.js' {
  interface RequestState {
    /** A `cacheResponse` answers the request, or watches its handler. */
    isCached?: boolean;
  }
}

/**
 * Lets one `cacheResponse` have a request, and reports once that there is another: it would wait for the first one, which
 * waits for the handler behind both.
 */
export function mountedOnce(logger: Logger = consoleLogger) {
  let isReported = false;
  return {
    isTaken: (req: Request): boolean => stateOf(req).isCached === true,

    /** Whether the request is this middleware's from now on. */
    take(req: Request): boolean {
      const state = stateOf(req);
      if (!state.isCached) {
        state.isCached = true;
        return true;
      }
      if (!isReported) logMisuse(logger, 'CACHE_MOUNTED_TWICE', { url: loggedPath(req.originalUrl) });
      isReported = true;
      return false;
    },
  };
}
