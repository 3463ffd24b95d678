import type { Request, Response } from 'express';
import { groupsIn, MOST_GROUPS } from '../../src/http/cache-groups.js';
import type { Fields } from '../../src/http/fields.js';
import { consoleLogger, type Logger } from '../../src/logger.js';
import { loggedPath, logMisuse } from '../../src/notices.js';
import { groupTag } from '../../src/tags/index.js';
import { isSafe } from './safe-methods.js';
import { originOf } from './target.js';

const reported = new WeakSet<Logger>();

/** The tags of the groups that a response belongs to; undefined when they cannot be known, so that it must not be stored. */
export function memberTags(req: Request, fields: Fields, logger: Logger | undefined): string[] | undefined {
  if (fields['cache-groups'] === undefined) return [];
  const groups = groupsIn(fields, 'cache-groups');
  if (groups && groups.length <= MOST_GROUPS) return groupTags(req, groups);
  reportOnce(req, 'cache-groups', logger);
  return undefined;
}

/**
 * The tags of the groups that the answer to an unsafe request invalidates, whatever its status: after a partial change an
 * error says so on purpose. There is no upper limit, because a group that was left out would stay stale.
 */
export function invalidatedGroupTags(req: Request, res: Response, logger?: Logger): string[] {
  const field = res.getHeader('cache-group-invalidation');
  if (field === undefined || isSafe(req)) return [];
  const lines = Array.isArray(field) ? field : String(field);
  const groups = groupsIn({ 'cache-group-invalidation': lines }, 'cache-group-invalidation');
  if (!groups) reportOnce(req, 'cache-group-invalidation', logger);
  return groupTags(req, groups ?? []);
}

function groupTags(req: Request, groups: readonly string[]): string[] {
  const origin = originOf(req);
  return origin === undefined ? [] : groups.map((group) => groupTag(origin, group));
}

function reportOnce(req: Request, field: string, logger: Logger = consoleLogger): void {
  if (reported.has(logger)) return;
  reported.add(logger);
  logMisuse(logger, 'CACHE_GROUPS_UNREADABLE', { field, url: loggedPath(req.originalUrl) });
}
