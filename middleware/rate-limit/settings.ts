import { ToolkitError } from '../../src/errors.js';
import { readOptions } from '../../src/read-options.js';
import { checks, defaults, hints, type RateLimitOptions, type RateLimitSettings } from './options.js';

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function rateLimitSettings(given: RateLimitOptions): RateLimitSettings {
  const { max, headers, ...read } = readOptions('rateLimit', given, checks, defaults, ['redis'], hints);
  if (given.keyGenerator && given.ipv6Subnet !== undefined) {
    throw new ToolkitError(
      'OPTION_INVALID',
      'rateLimit: "ipv6Subnet" has no effect beside "keyGenerator"; give the bits to ipKeyGenerator there',
    );
  }
  const { limit = max ?? defaults.limit, legacyHeaders = headers ?? defaults.legacyHeaders } = given;
  // A dry run refuses nobody, an outage included.
  const onUnavailable = read.dryRun && read.onUnavailable === 'closed' ? 'open' : read.onUnavailable;
  return { ...read, limit, legacyHeaders, onUnavailable };
}
