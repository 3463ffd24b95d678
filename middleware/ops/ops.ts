import { type RequestHandler, Router } from 'express';
import { operations } from '../../src/operations/index.js';
import { readOptions } from '../../src/read-options.js';
import { linkTo } from '../../src/redis/index.js';
import { api } from './api.js';
import { authorization, fromThisOrigin, securityFields } from './authorization.js';
import { checks, defaults, hints, type OpsOptions } from './options.js';
import { pageFiles } from './page-files.js';

/**
 * A router with one page and its JSON API, on which operators see all processes that mounted it, and act on limits,
 * sessions and the cache. It loads nothing from elsewhere. A process counts and reports only while somebody looks.
 *
 * @example
 * app.use('/ops', ops({ redis, authorize: (req) => req.session.isAdmin && req.session.userId }));
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`
 */
export function ops(given: OpsOptions): RequestHandler {
  const settings = readOptions('ops', given, checks, defaults, ['redis', 'authorize'], hints);
  linkTo(settings.redis, settings.logger);
  const router = Router();
  router.use(securityFields, authorization(settings), fromThisOrigin);
  router.use('/api', api(operations(settings.redis, { ...settings, reports: true }), settings));
  router.use(pageFiles);
  return router;
}
