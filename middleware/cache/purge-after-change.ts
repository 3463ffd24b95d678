import type { NextFunction, Request, Response } from 'express';
import { consoleLogger, type Logger } from '../../src/logger.js';
import type { TagVersions } from '../../src/tags/tag-versions.js';
import { purgedUrlTags } from '../../src/tags/url-tags.js';
import { holdResponse } from '../response/hold.js';
import { namedByResponse } from './request-url.js';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

export const isSafe = ({ method }: Request): boolean => SAFE_METHODS.has(method);

/** The tags of the URLs that a successful unsafe request has changed (RFC 9111 §4.4). */
export function changedUrlTags(req: Request, res: Response): string[] {
  const locations = namedByResponse(req, [res.getHeader('location'), res.getHeader('content-location')]);
  return [req.originalUrl, ...locations].flatMap(purgedUrlTags);
}

/** Holds the answer to an unsafe request back until what it made old is purged. */
export function purgeAfterChange(
  versions: TagVersions,
  req: Request,
  res: Response,
  next: NextFunction,
  { logger = consoleLogger }: { logger?: Logger },
): void {
  if (isSafe(req)) return;
  holdResponse(res, next, ({ isEnd }) => {
    if (!isEnd || res.statusCode >= 400) return undefined;
    const tags = changedUrlTags(req, res);
    return versions.invalidate(tags).catch((err: unknown) => {
      logger.error({ err, tags }, 'a purge failed; stale answers are possible until they expire');
    });
  });
}
