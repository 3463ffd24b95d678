import type { Request, RequestHandler, Response } from 'express';
import { consoleLogger, type Logger } from '../../src/logger.js';
import {
  aBoolean,
  aFunction,
  aWholeNumber,
  connectionChecks,
  oneOf,
  readOptions,
} from '../../src/read-options.js';
import { linkTo, type RedisClient } from '../../src/redis/index.js';
import {
  beginMutation,
  checkNames,
  checkTags,
  GroupMembers,
  type Mutation,
  purgedUrlTags,
  refusedMutation,
  type TagVersions,
  tagVersions,
} from '../../src/tags/index.js';
import { recordOf } from '../request-record.js';
import { holdResponse, isLeftByClient } from '../response/index.js';
import { invalidatedGroupTags } from './cache-groups.js';
import { offerCacheTags, tagsNamed } from './handler-tags.js';
import { changedTags, logFailedPurge, purgeGroupsOf } from './purge-after-change.js';
import { isSafe } from './safe-methods.js';

/** Options of `invalidateOn`. */
export interface InvalidateOnOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Tags of the responses that the mutation makes old; a promise is awaited before the handler runs. For tags that only
   * the handler knows there is `res.cacheTags`: they are purged, but not marked beforehand.
   * @default none but the request's own URL
   */
  readonly tags?: (req: Request) => readonly string[] | Promise<readonly string[]>;
  /**
   * URLs (path and query) of further responses that the mutation makes old.
   * @default none
   */
  readonly urls?: (req: Request) => readonly string[] | Promise<readonly string[]>;
  /**
   * Whether a request changes anything. If it does not, nothing is marked or purged.
   * @default all methods but the safe ones: GET, HEAD, OPTIONS, TRACE, PROPFIND, QUERY, REPORT and SEARCH
   */
  readonly when?: (req: Request) => boolean | Promise<boolean>;
  /**
   * When Redis cannot take the mark: refuse the mutation (503) before the handler runs, or let it proceed. Then older
   * responses may be served until Redis acknowledges the purge.
   * @default 'refuse'
   */
  readonly onUnavailable?: 'refuse' | 'proceed';
  /**
   * End the responses in the cache groups of each URL that is purged, too (RFC 9875): those of `cacheResponse` with the
   * same option. It costs one more round trip.
   * @default false
   */
  readonly purgeSharedGroups?: boolean;
  /**
   * How many replicas must have heard of a mark or a purge (`WAIT`) before it counts as made, so that a failover brings
   * back no older state. Fewer within half of `timeoutMs`: as if Redis were unavailable. The connection is held up
   * meanwhile; give it one of its own.
   * @default 0
   */
  readonly waitForReplicas?: number;
  /**
   * Milliseconds to wait for Redis. A purge that Redis does not acknowledge in this time is repeated until it does; the
   * response is sent meanwhile.
   * @default 250
   */
  readonly timeoutMs?: number;
  /**
   * In front of every key in Redis; the same as `cacheResponse` has.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Told of outages and of purges that failed.
   * @default console
   */
  readonly logger?: Logger;
}

export const defaults = {
  onUnavailable: 'refuse',
  purgeSharedGroups: false,
  waitForReplicas: 0,
  timeoutMs: 250,
  prefix: '',
} satisfies Partial<InvalidateOnOptions>;

const checks = {
  ...connectionChecks,
  tags: aFunction,
  urls: aFunction,
  when: aFunction,
  onUnavailable: oneOf('refuse', 'proceed'),
  purgeSharedGroups: aBoolean,
  waitForReplicas: aWholeNumber('replicas', 100),
};

/**
 * Makes cached responses old when a handler changes the data that they show. The tags are marked before the handler
 * runs. While the mark is there no process serves or stores under them, so a process that crashes between its commit and
 * the purge leaves no stale answer. The response is sent after the purge.
 *
 * @example
 * app.patch('/users/:id', invalidateOn({ redis, tags: (req) => [`user:${req.params.id}`] }), patchUser);
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; requests may end in `INVALIDATION_REFUSED`
 */
export function invalidateOn(given: InvalidateOnOptions): RequestHandler {
  const options = readOptions('invalidateOn', given, checks, defaults, ['redis']);
  const logger = options.logger ?? consoleLogger;
  linkTo(options.redis, options.logger);
  const versions = tagVersions(options.redis, options);
  const members = options.purgeSharedGroups ? new GroupMembers(options.redis, options) : undefined;

  const invalidate: RequestHandler = async (req, res, next) => {
    if (!(options.when ? await options.when(req) : !isSafe(req))) return next();
    const tags = await tagsOf(req, options);
    let mutation: Mutation | undefined;
    try {
      mutation = await beginMutation(versions, tags);
    } catch (cause) {
      if (options.onUnavailable === 'refuse') return next(refusedMutation(cause));
    }
    const end = () => endMutation(req, res, { mutation, versions, members, tags, logger });
    offerCacheTags(res);
    let hasEnded = false;
    // A handler that streams may commit after its first byte: the mark stays until the last.
    holdResponse(res, next, ({ isEnd }) => {
      if (!isEnd) return undefined;
      hasEnded = true;
      return end();
    });
    res.once('close', () => {
      if (hasEnded) return;
      // Without its client a handler may go on, and may never end its response.
      if (isLeftByClient(res) && !recordOf(req).isUnchanged) mutation?.expectEndSoon();
      else void end();
    });
    next();
  };
  return function invalidateOnMiddleware(req, res, next) {
    Promise.resolve(invalidate(req, res, next)).catch(next);
  };
}

interface BegunMutation {
  /** Undefined when its marks could not be set. */
  readonly mutation: Mutation | undefined;
  readonly versions: TagVersions;
  readonly members: GroupMembers | undefined;
  readonly tags: readonly string[];
  readonly logger: Logger;
}

/** Purges what the mutation has made old; what is returned is to be awaited. */
function endMutation(
  req: Request,
  res: Response,
  { mutation, versions, members, tags, logger }: BegunMutation,
): Promise<void> | undefined {
  // `idempotent` has answered in the handler's place. Nobody waits for the mark to go: it costs misses, no stale answer.
  if (recordOf(req).isUnchanged) return void mutation?.withdraw().catch(noAnswer);
  // First, whatever fails below: a mark that nobody takes out would keep its tags out of the cache.
  const marked = mutation ? mutation.finish() : versions.invalidate(tags);
  // A handler that fails may have changed something before; it named the tags all the same.
  const changed = res.statusCode < 400 ? changedTags(req, res) : tagsNamed(res);
  const groups = invalidatedGroupTags(req, res, logger);
  const others = [...changed, ...groups].filter((tag) => !tags.includes(tag));
  const rest = others.length > 0 ? versions.invalidate(others) : undefined;
  const all = Promise.all([marked, rest, members && purgeGroupsOf(versions, members, [...tags, ...others])]);
  return all.then(noAnswer, (err: unknown) => logFailedPurge(logger, err, [...tags, ...others]));
}

async function tagsOf(req: Request, { tags, urls }: InvalidateOnOptions): Promise<string[]> {
  // The target itself is old after an unsafe request (RFC 9111 §4.4).
  const ownUrls = urls ? checkNames('invalidateOn: the option "urls" returned', await urls(req)) : [];
  const ownTags = tags ? checkTags('invalidateOn: the option "tags" returned', await tags(req)) : [];
  return [...new Set([...ownTags, ...[req.originalUrl, ...ownUrls].flatMap(purgedUrlTags)])];
}

function noAnswer(): void {}
