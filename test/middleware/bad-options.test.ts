import { expect, test } from 'vitest';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import { idempotent } from '../../middleware/idempotent/idempotent.js';
import { ops } from '../../middleware/ops/ops.js';
import { problemDetails } from '../../middleware/problem/problem-details.js';
import { rateLimit } from '../../middleware/rate-limit/rate-limit.js';
import { session } from '../../middleware/session/session.js';
import { stack } from '../../middleware/stack/stack.js';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import { withLock } from '../../src/locks/with-lock.js';
import { closeRedis, connectRedis, ping } from '../../src/redis/connect.js';
import { collectMetrics } from '../../src/telemetry/collect-metrics.js';
import { quiet, redisForFile } from './support/redis-for-file.js';

const file = redisForFile();
const cycle: Record<string, unknown> = {};
cycle.self = cycle;

const given = (): { redis: never; logger: typeof quiet } => ({ redis: file.redis as never, logger: quiet });

type Refused = [what: string, use: (value: never) => unknown, value: unknown, message: string];

const invalid: Refused[] = [
  ['rateLimit, message', (message) => rateLimit({ ...given(), message }), 5n, 'value for JSON'],
  ['rateLimit, message', (message) => rateLimit({ ...given(), message }), Symbol('x'), 'value for JSON'],
  ['rateLimit, message', (message) => rateLimit({ ...given(), message }), cycle, 'value for JSON'],
  ['session, cookie', (cookie) => session({ ...given(), secret: 'x', cookie }), [], 'must be an object'],
  [
    'session, cookie',
    (cookie) => session({ ...given(), secret: 'x', cookie }),
    new Date(),
    'must be an object',
  ],
  ['session, adopt', (adopt) => session({ ...given(), secret: 'x', adopt }), new Map(), 'must be an object'],
  ['session, secret', (secret) => session({ ...given(), secret }), ' ', 'non-empty'],
  ['cacheAside', cacheAside, Promise.resolve({}), 'options must be an object'],
  [
    'idempotent, documentationUrl',
    (documentationUrl) => idempotent({ ...given(), documentationUrl }),
    'https://docs.example/a b',
    'without white space',
  ],
  ['problemDetails', (req) => problemDetails(req), {}, 'app.use(problemDetails())'],
  ['stack', stack, problemDetails(), 'is an error handler'],
  ['connectRedis, url', (url) => connectRedis({ url }), 6379, 'must be a URL'],
  ['connectRedis, url', (url) => connectRedis(url), 'redis://a b', 'must be a URL'],
  ['connectRedis, socket', (socket) => connectRedis({ socket } as never), { host: 'x' }, 'node-redis'],
  ['connectRedis', connectRedis, Promise.resolve(''), 'give a URL or an object'],
  ['ping, timeoutMs', (timeoutMs) => ping(given().redis, { timeoutMs }), Number.NaN, 'whole number'],
  ['ping', ping, undefined, 'first argument'],
  [
    'closeRedis, timeoutMs',
    (timeoutMs) => closeRedis(given().redis, { timeoutMs }),
    Infinity,
    'whole number',
  ],
  ['closeRedis', (options) => closeRedis(given().redis, options), 5_000, 'options must be an object'],
  ['collectMetrics, meterProvider', (meterProvider) => collectMetrics({ meterProvider }), {}, 'getMeter'],
  [
    'getOrLoad, load',
    (load) => cacheAside({ ...given(), ttlSeconds: 1 }).getOrLoad('a:1', load),
    undefined,
    'must be a function',
  ],
  ['mutate, run', (run) => cacheAside(given()).mutate([], run), 'run', 'must be a function'],
];

test.each(invalid)('%s: what cannot work is refused (%#)', async (_what, use, value, message) => {
  const using = async () => use(value as never);
  await expect(using()).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringContaining(message),
  });
});

const unknown: [what: string, use: (options: object) => unknown, name: string, advice: string][] = [
  ['rateLimit', (more) => rateLimit({ ...given(), ...more }), 'insuranceLimiter', '"onUnavailable"'],
  ['rateLimit', (more) => rateLimit({ ...given(), ...more }), 'client', 'use "redis"'],
  ['rateLimit', (more) => rateLimit({ ...given(), ...more }), 'ban', 'method "block"'],
  ['session', (more) => session({ ...given(), secret: 'x', ...more }), 'cookieName', '"name"'],
  ['invalidateOn', (more) => invalidateOn({ ...given(), ...more }), 'pattern', '"tags"'],
  ['invalidateOn', (more) => invalidateOn({ ...given(), ...more }), 'redisClient', 'use "redis"'],
  ['idempotent', (more) => idempotent({ ...given(), ...more }), 'userId', '"scope"'],
  ['ops', (more) => ops({ ...given(), authorize: 'loopback', ...more }), 'users', '"authorize"'],
  ['cacheAside', (more) => cacheAside({ ...given(), ...more }), 'refreshThreshold', '"earlyRefresh"'],
  ['cacheAside', (more) => cacheAside({ ...given(), ...more }), 'stores', 'kept in the Redis of "redis"'],
  [
    'withLock',
    (more) => withLock(given().redis, 'x', { ttlMs: 100, ...more }, () => 1),
    'retryCount',
    '"waitMs"',
  ],
  ['collectMetrics', (more) => collectMetrics(more), 'provider', '"meterProvider"'],
];

test.each(unknown)('%s: %s of another package is explained (%#)', async (_what, use, name, advice) => {
  const using = async () => use({ [name]: 1 });
  await expect(using()).rejects.toMatchObject({
    code: 'OPTION_UNKNOWN',
    message: expect.stringMatching(new RegExp(`"${name}"; .*${advice}`)),
  });
});
