import type { Request, Response } from 'express';
import type { Logger } from '../../src/logger.js';
import type { GroupMembers, Mutation, TagVersions } from '../../src/tags/index.js';
import { stateOf } from '../request-state.js';
import { invalidatedGroupTags } from './cache-groups.js';
import { tagsNamed } from './handler-tags.js';
import { changedTags, logFailedPurge, purgeGroupsOf } from './purge-after-change.js';

interface BegunMutation {
  /** Undefined when its marks could not be set. */
  readonly mutation: Mutation | undefined;
  readonly versions: TagVersions;
  readonly members: GroupMembers | undefined;
  readonly tags: readonly string[];
  readonly logger: Logger;
}

/** Purges what the mutation has made old; what is returned is to be awaited. */
export function endMutation(
  req: Request,
  res: Response,
  { mutation, versions, members, tags, logger }: BegunMutation,
): Promise<void> | undefined {
  // `idempotent` has answered in the handler's place. Nobody waits for the mark to go: it costs misses, no stale answer.
  if (stateOf(req).isUnchanged) return void mutation?.withdraw().catch(noAnswer);
  // First, whatever fails below: a mark that nobody takes out would keep its tags out of the cache.
  const marked = mutation ? mutation.finish() : versions.invalidate(tags, req);
  // A handler that fails may have changed something before; it named the tags all the same.
  const changed = res.statusCode < 400 ? changedTags(req, res) : tagsNamed(res);
  const groups = invalidatedGroupTags(req, res, logger);
  const others = [...changed, ...groups].filter((tag) => !tags.includes(tag));
  const rest = others.length > 0 ? versions.invalidate(others, req) : undefined;
  const all = Promise.all([marked, rest, members && purgeGroupsOf(versions, members, [...tags, ...others])]);
  return all.then(noAnswer, (err: unknown) => logFailedPurge(logger, err, [...tags, ...others]));
}

function noAnswer(): void {}
