import express from 'express';
import type { Redis } from 'ioredis';
import request from 'supertest';
import { expect, test } from 'vitest';
import { ipKeyGenerator } from '../../../middleware/rate-limit/client-address.js';
import type { RateLimitOptions } from '../../../middleware/rate-limit/options.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { stack } from '../../../middleware/stack/stack.js';
import { clientForFile } from '../../support/client-for-file.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});
let prefixes = 0;

function watched(options: Partial<RateLimitOptions> = {}) {
  const codes: string[] = [];
  const note = (fields: object) => void codes.push((fields as { code: string }).code);
  const logger = { info: note, warn: note, error: note };
  const limit = options.policies ? {} : { limit: 50 };
  const limiter = rateLimit({
    redis,
    prefix: `misuse-${process.pid}-${++prefixes}:`,
    logger,
    ...limit,
    ...options,
  });
  return { limiter, codes };
}

function serving(limiter: express.RequestHandler, trustProxy?: unknown) {
  const app = express();
  if (trustProxy !== undefined) app.set('trust proxy', trustProxy);
  app.use(limiter);
  app.get('/', (_req, res) => void res.send('ok'));
  return app;
}

test.each([
  ['limit', -1],
  ['limit', Number.NaN],
  ['limit', 1.5],
  ['windowMs', 0],
  ['windowMs', Number.NaN],
  ['cost', -1],
  ['identifier', 'naïve'],
  ['identifier', ''],
  ['identifier', 'two\nlines'],
  ['policies', []],
  ['ipv6Subnet', 128],
  ['statusCode', 200],
  ['standardHeaders', 'draft-9'],
  ['onUnavailable', 'ignore'],
  ['timeoutMs', 0],
  ['redis', {}],
])('%s: %j is refused at construction, by name', (option, value) => {
  const construct = () => rateLimit({ redis, [option]: value } as unknown as RateLimitOptions);
  expect(construct).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  expect(construct).toThrow(new RegExp(`"${option}"`));
});

test.each([
  ['limits', 'did you mean "limit"'],
  ['total', 'use "limit"'],
  ['store', 'counts are kept in Redis'],
  ['client', 'use "redis"'],
  ['sendCommand', 'use "redis"'],
  ['onLimitReached', 'use "handler"'],
  ['delayAfter', 'express-slow-down'],
  ['duration', 'use "windowMs"'],
  ['keyPrefix', 'use "prefix"'],
])('the option %s does not exist, and the error says what to do', (option, hint) => {
  const construct = () => rateLimit({ redis, [option]: 5 } as unknown as RateLimitOptions);
  expect(construct).toThrow(expect.objectContaining({ code: 'OPTION_UNKNOWN' }));
  expect(construct).toThrow(hint);
});

test('policies are checked as the options are, and their names have to differ', () => {
  const policy = { name: 'a', limit: 1, windowMs: 1000 };
  expect(() => rateLimit({ redis, policies: [{ ...policy, limit: -1 }] })).toThrow(/"limit"/);
  expect(() => rateLimit({ redis, policies: [policy], limit: 3 })).toThrow(/"policies" or "limit", not both/);
  expect(() => rateLimit({ redis, policies: [policy, policy] })).toThrow(/two policies have the name "a"/);
});

test.each([false, true])(
  'X-Forwarded-For without trust proxy is explained once, dry run: %s',
  async (dryRun) => {
    const { limiter, codes } = watched({ dryRun });
    const app = serving(limiter);
    for (let i = 0; i < 3; i++)
      await request(app).get('/').set('X-Forwarded-For', '198.51.100.7').expect(200);
    expect(codes).toEqual(['RATE_LIMIT_TRUST_PROXY_OFF']);
  },
);

test('trust proxy true is explained once: any client can choose its address', async () => {
  const { limiter, codes } = watched();
  const app = serving(limiter, true);
  for (let i = 0; i < 3; i++)
    await request(app).get('/').set('X-Forwarded-For', `198.51.100.${i}`).expect(200);
  expect(codes).toEqual(['RATE_LIMIT_TRUST_PROXY_ANY']);
  const early = watched();
  await request(serving(early.limiter, true)).get('/').expect(200);
  expect(early.codes).toEqual(['RATE_LIMIT_TRUST_PROXY_ANY']);
});

test('Forwarded, which Express does not read, is explained once, unless X-Forwarded-For counts', async () => {
  const { limiter, codes } = watched();
  const app = serving(limiter);
  for (let i = 0; i < 2; i++) await request(app).get('/').set('Forwarded', 'for=198.51.100.7').expect(200);
  expect(codes).toEqual(['RATE_LIMIT_FORWARDED_IGNORED']);
  const both = watched();
  const headers = { Forwarded: 'for=198.51.100.7', 'X-Forwarded-For': '198.51.100.7' };
  await request(serving(both.limiter, 1)).get('/').set(headers).expect(200);
  expect(both.codes).toEqual([]);
});

test('a keyGenerator that returns req.ip is explained when it is given', () => {
  expect(watched({ keyGenerator: (req) => String(req.ip) }).codes).toEqual(['RATE_LIMIT_ADDRESS_UNCUT']);
  expect(watched({ keyGenerator: (req) => ipKeyGenerator(req.ip) }).codes).toEqual([]);
});

test('ipv6Subnet beside keyGenerator would have no effect, so it is refused', () => {
  expect(() => watched({ ipv6Subnet: 64, keyGenerator: () => 'me' })).toThrow(/"ipv6Subnet" has no effect/);
});

test('a number of trusted proxies, or a key of its own, is nothing to complain about', async () => {
  const trusting = watched();
  await request(serving(trusting.limiter, 1)).get('/').set('X-Forwarded-For', '198.51.100.7').expect(200);
  const keyed = watched({ keyGenerator: () => 'me' });
  await request(serving(keyed.limiter)).get('/').set('X-Forwarded-For', '198.51.100.7').expect(200);
  expect([...trusting.codes, ...keyed.codes]).toEqual([]);
});

test('a limiter that meets a request twice charges it once, and explains', async () => {
  const { limiter, codes } = watched({ keyGenerator: () => 'me' });
  const app = express();
  app.use(limiter);
  app.get('/', limiter, (_req, res) => void res.send('ok'));
  await request(app).get('/').expect(200);
  await request(app).get('/').expect(200);
  expect((await limiter.peek('me')).used).toBe(2);
  expect(codes).toEqual(['RATE_LIMIT_MOUNTED_TWICE']);
});

test('what a log says of a request that met a limiter twice is without its query', async () => {
  const lines: object[] = [];
  const logger = { info() {}, warn() {}, error: (fields: object) => void lines.push(fields) };
  const limiter = rateLimit({ redis, limit: 5, windowMs: 60_000, keyGenerator: () => 'query', logger });
  const app = express().use(limiter);
  app.get('/reset', limiter, (_req, res) => void res.send('ok'));
  await request(app).get('/reset?token=secret').expect(200);
  expect(lines).toMatchObject([{ code: 'RATE_LIMIT_MOUNTED_TWICE', url: '/reset' }]);
});

test('two limiters of one name, window, algorithm and prefix log that they count each other', () => {
  const prefix = `reuse-${process.pid}:`;
  const reused = ['RATE_LIMIT_NAME_REUSED'];
  expect(watched({ prefix }).codes).toEqual([]);
  expect(watched({ prefix }).codes).toEqual(reused);
  expect(watched({ prefix, limit: 99 }).codes).toEqual(reused);
  expect(watched({ prefix, identifier: 'other' }).codes).toEqual([]);
  expect(watched({ prefix, windowMs: 500 }).codes).toEqual([]);
  expect(watched({ prefix, algorithm: 'token-bucket' }).codes).toEqual([]);
});

test('a limiter whose window is a function logs that it may count those of its name, in either order', async () => {
  const windowMs = () => 60_000;
  const reused = ['RATE_LIMIT_NAME_REUSED'];
  const pairs = [
    [{}, { windowMs }],
    [{ windowMs }, {}],
    [{ windowMs }, { windowMs }],
    [{ policies: [{ name: 'default', limit: 5, windowMs }] }, {}],
  ];
  const usedBy = async (limiter: express.RequestHandler) => {
    const { headers } = await request(serving(limiter)).get('/');
    return Number(headers['x-ratelimit-limit']) - Number(headers['x-ratelimit-remaining']);
  };
  for (const [position, [first, second]] of pairs.entries()) {
    const shared = { prefix: `function-${process.pid}-${position}:`, legacyHeaders: true };
    const one = watched({ ...shared, ...first } as RateLimitOptions);
    expect(one.codes).toEqual([]);
    expect(watched({ ...shared, identifier: 'other', windowMs }).codes).toEqual([]);
    expect(watched({ ...shared, algorithm: 'token-bucket', windowMs }).codes).toEqual([]);
    const other = watched({ ...shared, ...second } as RateLimitOptions);
    expect(other.codes).toEqual(reused);
    expect([await usedBy(one.limiter), await usedBy(other.limiter)]).toEqual([1, 2]);
  }
});

test('two limiters without a name and with different windows limit and block a client apart', async () => {
  const prefix = `apart-${process.pid}:`;
  const shared = { redis, prefix, keyGenerator: () => 'me' };
  const perMinute = rateLimit({ ...shared, limit: 3, windowMs: 60_000 });
  const perHalfSecond = rateLimit({ ...shared, limit: 50, windowMs: 500 });
  const app = express();
  app.get('/', perMinute, perHalfSecond, (_req, res) => void res.send('ok'));
  app.get('/short', perHalfSecond, (_req, res) => void res.send('ok'));
  const statuses: number[] = [];
  const last = performance.now() + 1_300;
  // The short window would make a shared state forget the long one.
  while (performance.now() < last) statuses.push((await request(app).get('/')).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(3);
  await perMinute.block('me', 60_000);
  expect((await request(app).get('/short')).status).toBe(200);
});

test('a limiter that has charged a request does not charge it again through a stack', async () => {
  const { limiter, codes } = watched({ keyGenerator: () => 'me' });
  const app = express();
  app.use(stack(limiter));
  app.get('/', stack(limiter), (_req, res) => void res.send('ok'));
  await request(app).get('/').expect(200);
  expect((await limiter.peek('me')).used).toBe(1);
  expect(codes).toEqual(['RATE_LIMIT_MOUNTED_TWICE']);
});
