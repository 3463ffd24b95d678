import type { Request, Response } from 'express';
import type { Entry } from '../../src/cache/index.js';
import type { Fields } from '../../src/http/fields.js';
import { errorIsTolerated } from '../../src/http/reuse.js';
import { captureResponse, headersNow } from '../response/index.js';
import { setCacheStatus } from './cache-status.js';
import { usable } from './decision.js';
import { hideHandlerTags } from './handler-tags.js';
import { serveEntry } from './serve-entry.js';
import type { CacheSettings } from './settings.js';
import { resetToBefore } from './watch-handler.js';

/**
 * While Redis does not answer the handler does. Nobody can tell then whether a response that is near was invalidated:
 * only where `stale-if-error` was set does it stand in, and only when the handler fails as well.
 */
export function bypass(near: Entry | undefined, req: Request, res: Response, settings: CacheSettings): void {
  const before = headersNow(res);
  setCacheStatus(res, { fwd: 'bypass' });
  hideHandlerTags(res);
  const entry = usable(near ? { entry: near } : {}, req, settings);
  if (!entry) return;
  const asked = { ...req.headers } as Fields;
  captureResponse(res, {
    maxBodyBytes: 0,
    onHead() {
      const { statusCode } = res;
      if (!errorIsTolerated(statusCode, entry.head.terms, Date.now())) return { keep: false };
      const instead = () => {
        resetToBefore(res, before);
        const status = { fwd: 'bypass', 'fwd-status': statusCode, detail: 'stale-if-error' } as const;
        serveEntry(entry, req, res, status, asked);
      };
      return { keep: false, instead };
    },
    onTooLarge() {},
    onBody() {},
  });
}
