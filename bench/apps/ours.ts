import { cacheResponse, connectRedis, invalidateOn, rateLimit, session, stack } from '../../index.js';
import { ops } from '../../ops.js';
import type { Variant } from '../variants.js';
import { type Kit, SECRET, sendJson, TTL_SECONDS, WINDOW_MS } from './kit.js';
import { listenToAll } from './listen-to-all.js';

const NEAR_CACHE_BYTES = 64 * 1_048_576;

const isWithOps = (variant: Variant) => variant === 'ops' || variant === 'watched';

/** The toolkit, with its defaults. */
export function ours(url: string, variant: Variant): Kit {
  const redis = connectRedis(url);
  if (variant === 'listened') listenToAll();
  const near =
    variant === 'validated' || variant === 'tracked'
      ? { nearCache: { maxBytes: NEAR_CACHE_BYTES, mode: variant } }
      : {};
  return {
    mount: (...middlewares) => (variant === 'separate' ? middlewares : [stack(...middlewares)]),
    limiter: (limit, skip) =>
      rateLimit({
        redis,
        windowMs: WINDOW_MS,
        limit,
        // Each limiter counts under a name of its own.
        identifier: `limit-${limit}`,
        ...(skip && { skip: (req) => skip(req.path) }),
      }),
    sessions: () => session({ redis, secret: SECRET }),
    cached: (origin, tag) => ({
      before: [cacheResponse({ redis, ttlSeconds: TTL_SECONDS, ...(tag && { tags: () => [tag] }), ...near })],
      handler: async (req, res) => sendJson(res, await origin(String(req.params.id))),
    }),
    purge: (tag) => invalidateOn({ redis, tags: () => [tag] }),
    answer: sendJson,
    ...(isWithOps(variant) && { ops: ops({ redis, authorize: 'loopback', prefix: `${variant}:` }) }),
  };
}
