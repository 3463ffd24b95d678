import { expect, test } from 'vitest';
import { defaults as invalidateOn } from '../../middleware/cache/invalidate-on.js';
import { defaults as cacheResponse } from '../../middleware/cache/options.js';
import { defaults as ops } from '../../middleware/ops/options.js';
import { defaults as rateLimit } from '../../middleware/rate-limit/options.js';
import { defaults as session } from '../../middleware/session/options.js';
import { optionsOf } from '../../scripts/options-reference.js';
import { defaults as nearCache } from '../../src/cache/near/options.js';
import { defaults as cacheAside } from '../../src/cache-aside/options.js';
import { defaults as lock } from '../../src/locks/options.js';
import { eventsDefaults, publisherDefaults, subscriberDefaults } from '../../src/messages/options.js';

const LITERAL = /^(?:'.*'|-?\d+|true|false)$/;

test.each([
  ['RateLimitOptions', rateLimit],
  ['OpsOptions', ops],
  ['SessionOptions', session],
  ['CacheResponseOptions', cacheResponse],
  ['InvalidateOnOptions', invalidateOn],
  ['CacheAsideOptions', cacheAside],
  ['PublisherOptions', publisherDefaults],
  ['SubscriberOptions', subscriberDefaults],
  ['EventsOptions', eventsDefaults],
  ['LockOptions', lock],
  ['NearCacheOptions', nearCache],
])('what %s documents as a default is what the code uses', (name, defaults) => {
  const documented = optionsOf(name).filter(({ fallback }) => LITERAL.test(fallback));
  const literal = Object.entries(defaults).filter(
    ([, value]) => typeof value !== 'function' && typeof value !== 'object',
  );
  expect(
    Object.fromEntries(documented.map(({ name, fallback }) => [name, fallback.replaceAll("'", '')])),
  ).toEqual(Object.fromEntries(literal.map(([option, value]) => [option, String(value)])));
});
