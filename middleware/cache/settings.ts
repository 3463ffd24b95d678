import { type NearCacheSettings, readNearCacheOptions } from '../../src/cache/index.js';
import { ToolkitError } from '../../src/errors.js';
import { type FallbackReporter, sharedReporter } from '../../src/fallback-reporter.js';
import type { Directives } from '../../src/http/cache-control.js';
import type { Fields } from '../../src/http/fields.js';
import { requestDirectives } from '../../src/http/stale-by-age.js';
import type { WithDefaults } from '../../src/read-options.js';
import { linkTo } from '../../src/redis/index.js';
import { GroupMembers } from '../../src/tags/index.js';
import { type VarianceEmitter, varianceEmitter } from './emit-variance.js';
import type { CacheResponseOptions, defaults } from './options.js';
import { type CookieWatch, cookieMatcher, cookieWatch } from './personal.js';
import { SharedQueries } from './shared-queries.js';
import { hostMatcher } from './target.js';

const NOTHING: Directives = new Map();

export type CacheSettings = Omit<
  WithDefaults<CacheResponseOptions, typeof defaults>,
  'nearCache' | 'credentialFields'
> & {
  readonly nearCache?: NearCacheSettings;
  /** Targeted fields in the order in which they are heard (RFC 9213 §2.2). */
  readonly targets: readonly string[];
  /** Responses to requests with `Authorization` are for everybody who has the same key. */
  readonly ignoresCredentials: boolean;
  /** Whether responses to requests for this origin are cached. */
  readonly isKnownHost: (origin: string) => boolean;
  readonly ignoresCookie: (name: string) => boolean;
  /** In lower case. */
  readonly credentialFields: ReadonlySet<string>;
  readonly watchCookies: CookieWatch;
  readonly sharedQueries: SharedQueries;
  /** Undefined unless a change ends the groups of its URL. */
  readonly groupMembers: GroupMembers | undefined;
  readonly emitVariance: VarianceEmitter | undefined;
  readonly reporter: FallbackReporter;
  /** The cache directives of a request. */
  readonly wantedBy: (request: Fields) => Directives;
};

export function settingsOf({
  nearCache,
  ...options
}: WithDefaults<CacheResponseOptions, typeof defaults>): CacheSettings {
  if (options.staleSeconds > 0 && options.ttlSeconds === undefined) throw staleWithoutTtl();
  const own = options.targetedHeader?.toLowerCase();
  const ignoresCookie = cookieMatcher(options.ignoreCookies);
  return {
    ...options,
    ...(nearCache !== undefined && { nearCache: readNearCacheOptions(nearCache, options.redis) }),
    isKnownHost: options.hosts ? hostMatcher(options.hosts) : () => true,
    ignoresCookie,
    sharedQueries: new SharedQueries(options),
    emitVariance: varianceEmitter(options),
    reporter: sharedReporter(
      'cacheResponse',
      'bypass',
      linkTo(options.redis, options.logger),
      options.logger,
    ),
    groupMembers: options.purgeSharedGroups ? new GroupMembers(options.redis, options) : undefined,
    watchCookies: cookieWatch({ ignoresCookie }, options.logger),
    credentialFields: new Set(options.credentialFields.map((name) => name.toLowerCase())),
    targets: own ? [own, 'cdn-cache-control'] : ['cdn-cache-control'],
    ignoresCredentials: options.shared || options.key !== undefined,
    wantedBy: options.ignoreRequestCacheControl ? () => NOTHING : requestDirectives,
  };
}

function staleWithoutTtl(): ToolkitError {
  const message =
    'cacheResponse: option "staleSeconds" needs "ttlSeconds": responses with a freshness of their own say it by stale-while-revalidate';
  return new ToolkitError('OPTION_INVALID', message);
}
