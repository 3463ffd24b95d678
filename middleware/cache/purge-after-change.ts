import type { NextFunction, Request, Response } from 'express';
import { isUnavailable } from '../../src/errors.js';
import { consoleLogger, type Logger } from '../../src/logger.js';
import {
  EVERYTHING,
  type GroupMembers,
  pathAndQuery,
  purgedUrlTags,
  type TagVersions,
} from '../../src/tags/index.js';
import { stateOf } from '../request-state.js';
import { holdResponse } from '../response/index.js';
import { invalidatedGroupTags } from './cache-groups.js';
import { tagsNamed } from './handler-tags.js';
import { isSafe } from './safe-methods.js';
import { originOf } from './target.js';

/** The tags of the URLs that a successful unsafe request has changed (RFC 9111 §4.4), and those its handler named. */
export function changedTags(req: Request, res: Response): string[] {
  const locations = namedByResponse(req, [res.getHeader('location'), res.getHeader('content-location')]);
  return [...tagsNamed(res), ...[req.originalUrl, ...locations].flatMap(purgedUrlTags)];
}

interface PurgeSettings {
  readonly logger?: Logger;
  readonly groupMembers: GroupMembers | undefined;
}

/** Holds the answer to an unsafe request until the responses that it made stale are purged. */
export function purgeAfterChange(
  versions: TagVersions,
  req: Request,
  res: Response,
  next: NextFunction,
  { logger = consoleLogger, groupMembers }: PurgeSettings,
): void {
  if (isSafe(req)) return;
  holdResponse(res, next, ({ isEnd }) => {
    if (!isEnd || stateOf(req).isUnchanged) return undefined;
    const groups = invalidatedGroupTags(req, res, logger);
    const tags = res.statusCode < 400 ? [...changedTags(req, res), ...groups] : groups;
    if (tags.length === 0) return undefined;
    const purging = [versions.invalidate(tags, req), purgeGroupsOf(versions, groupMembers, tags)];
    return Promise.all(purging).then(noMore, (err: unknown) => logFailedPurge(logger, err, tags));
  });
}

/**
 * Purges the groups of the responses that a purge of these tags ends by their URL (RFC 9875 §2.2.1), and no further ones.
 * Called when that purge is on its way: what is stored later was filled later.
 */
export async function purgeGroupsOf(
  versions: TagVersions,
  members: GroupMembers | undefined,
  tags: readonly string[],
): Promise<void> {
  if (!members) return;
  // Those groups that nobody can read may be any.
  const groups = await members.of(tags).catch((error: unknown) => {
    if (isUnavailable(error)) return [EVERYTHING];
    throw error;
  });
  if (groups.length > 0) await versions.invalidate(groups);
}

function noMore(): void {}

/** A purge that Redis has not acknowledged is repeated, and logged once per outage. Any other failure is final. */
export function logFailedPurge(logger: Logger, err: unknown, tags: readonly string[]): void {
  if (isUnavailable(err)) return;
  logger.error({ err, tags }, 'a purge failed; older responses may be served until they expire');
}

/** Further URLs that an unsafe request has changed: `Location` and `Content-Location` of its origin (RFC 9111 §4.4). */
function namedByResponse(req: Request, locations: readonly unknown[]): string[] {
  const own = parsed(`${originOf(req) ?? ''}${pathAndQuery(req.originalUrl)}`);
  if (!own) return [];
  return locations.flatMap((location) => {
    const url = typeof location === 'string' ? parsed(location, own) : undefined;
    return url?.host === own.host ? [url.pathname + url.search] : [];
  });
}

function parsed(url: string, base?: URL): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
