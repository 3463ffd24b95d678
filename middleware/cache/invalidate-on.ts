import type { Request, RequestHandler } from 'express';
import { sharedReporter } from '../../src/fallback-reporter.js';
import { onceOn } from '../../src/listeners.js';
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
  checkTags,
  checkUrls,
  GroupMembers,
  markedUnlessUnavailable,
  purgedUrlTags,
  tagVersions,
} from '../../src/tags/index.js';
import { stateOf } from '../request-state.js';
import { holdResponse, isLeftByClient } from '../response/index.js';
import { thrownError } from '../thrown.js';
import { endMutation } from './end-mutation.js';
import { offerCacheTags } from './handler-tags.js';
import { isSafe } from './safe-methods.js';

/** Options of `invalidateOn`. */
export interface InvalidateOnOptions {
  /** The shared ioredis client (`Redis` or `Cluster`). */
  readonly redis: RedisClient;
  /**
   * Tags of the responses that the change makes old; a promise is awaited before the handler runs. For tags that only
   * the handler knows there is `res.cacheTags`: they are purged, but not marked beforehand.
   * @default none but the request's own URL
   */
  readonly tags?: (req: Request) => readonly string[] | Promise<readonly string[]>;
  /**
   * URLs (path and query) of further responses that the change makes old.
   * @default none
   */
  readonly urls?: (req: Request) => readonly string[] | Promise<readonly string[]>;
  /**
   * Whether a request changes anything. If it does not, nothing is marked or purged.
   * @default all methods but the safe ones: GET, HEAD, OPTIONS, TRACE, PROPFIND, QUERY, REPORT and SEARCH
   */
  readonly when?: (req: Request) => boolean | Promise<boolean>;
  /**
   * When Redis cannot take the mark: refuse the change (503) before the handler runs, or let it proceed. Then older
   * responses may be served until Redis acknowledges the purge.
   * @default 'refuse'
   */
  readonly onUnavailable?: 'refuse' | 'proceed';
  /**
   * When a change ends the responses of a URL, end those in the same cache groups too (`Cache-Groups`, RFC 9875). Set it in
   * `cacheResponse` as well. It costs a change one more round trip.
   * @default false
   */
  readonly purgeSharedGroups?: boolean;
  /**
   * How many replicas must acknowledge a mark or a purge (`WAIT`), so that a failover brings back no older state. If fewer
   * do so within half of `timeoutMs`, Redis counts as unavailable. `WAIT` blocks the connection: give a client of its own.
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
   * Prefix of every key in Redis; give `cacheResponse` the same.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Receives one message per outage and one per purge that failed.
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

const consequences = {
  refuse: 'changes are refused before their handlers run',
  proceed: 'changes are made, and older responses may be served until the purge is acknowledged',
} as const;

const hints = {
  key: 'use "tags" or "urls"',
  keys: 'use "tags" or "urls"',
  group: 'use "tags"',
  collection: 'use "tags"',
  pattern: 'use "tags": there is no search for keys',
  patterns: 'use "tags": there is no search for keys',
  path: 'use "urls"',
  paths: 'use "urls"',
  methods: 'use "when"',
  method: 'use "when"',
  condition: 'use "when"',
  if: 'use "when"',
  skip: 'use "when", which is its opposite',
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
  const options = readOptions('invalidateOn', given, checks, defaults, ['redis'], hints);
  const logger = options.logger ?? consoleLogger;
  const { redis, onUnavailable } = options;
  const reporter = sharedReporter(
    'invalidateOn',
    onUnavailable,
    linkTo(redis, options.logger),
    options.logger,
  );
  const unmarked = { onUnavailable, consequences, reporter };
  const versions = tagVersions(redis, options);
  const members = options.purgeSharedGroups ? new GroupMembers(redis, options) : undefined;

  const invalidate: RequestHandler = async (req, res, next) => {
    // In any case: a handler may serve several methods, and names its tags without asking which.
    offerCacheTags(res);
    if (!(options.when ? await options.when(req) : !isSafe(req))) return next();
    const tags = await tagsOf(req, options);
    const mutation = await markedUnlessUnavailable(() => beginMutation(versions, tags, req), unmarked, req);
    const end = () => endMutation(req, res, { mutation, versions, members, tags, logger });
    let hasEnded = false;
    // A handler that streams may commit after its first byte: the mark stays until the last.
    holdResponse(res, next, ({ isEnd }) => {
      if (!isEnd) return undefined;
      hasEnded = true;
      return end();
    });
    onceOn(res, 'close', () => {
      if (hasEnded) return;
      // Without its client a handler may go on, and may never end its response.
      if (isLeftByClient(res) && !stateOf(req).isUnchanged) mutation?.expectEndSoon();
      else void end();
    });
    next();
  };
  return function invalidateOnMiddleware(req, res, next) {
    Promise.resolve(invalidate(req, res, next)).catch((thrown) => next(thrownError(thrown)));
  };
}

async function tagsOf(req: Request, { tags, urls }: InvalidateOnOptions): Promise<string[]> {
  // The target itself is old after an unsafe request (RFC 9111 §4.4).
  const ownUrls = urls ? checkUrls('invalidateOn: the option "urls" returned', await urls(req)) : [];
  const ownTags = tags ? checkTags('invalidateOn: the option "tags" returned', await tags(req)) : [];
  return [...new Set([...ownTags, ...[req.originalUrl, ...ownUrls].flatMap(purgedUrlTags)])];
}
