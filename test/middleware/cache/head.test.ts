import type { Express } from 'express';
import { beforeEach, expect, test } from 'vitest';
import type { CacheResponseOptions } from '../../../middleware/cache/options.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const sets = (name: string, value: string | string[]) => (app: Express) =>
  void app.use((_req, res, next) => {
    res.setHeader(name, value);
    next();
  });

const broken: Record<string, (res: Parameters<Parameters<typeof serveCached>[0]['handler']>[1]) => void> = {
  'end with a number': (res) => void res.end(7 as never),
  'write of an object': (res) => void res.write({} as never),
  'a line break in the status message': (res) => {
    res.statusMessage = 'no\n';
    res.end('x');
  },
};

test.each(Object.keys(broken))('the error page after %s is not stored under the 200', async (what) => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => void (++calls === 1 ? broken[what]!(res) : res.send('good')),
  });
  expect((await app.get()).status).toBe(500);
  await eventually('a hit', async () => (await app.get()).hit);
  expect(String((await app.get()).body)).toBe('good');
});

test('a cookie that is appended to the list of an earlier middleware keeps the response personal', async () => {
  const app = await serveCached({
    redis: file.redis,
    before: sets('Set-Cookie', ['a=1']),
    handler: (_req, res) => void res.appendHeader('Set-Cookie', 'b=2').end('mine'),
  });
  expect((await app.get()).stored).toBe(false);
});

test.each([
  ['appended', true],
  ['its own', false],
])('Vary of an earlier middleware tells responses apart, %s', async (_how, appends) => {
  const app = await serveCached({
    redis: file.redis,
    before: sets('Vary', [appends ? 'Origin' : 'Accept-Language']),
    handler(req, res) {
      if (appends) res.appendHeader('Vary', 'Accept-Language');
      res.end(req.headers['accept-language']);
    },
  });
  for (const language of ['de', 'fr', 'de', 'fr']) {
    const { body } = await app.get('/', { headers: { 'accept-language': language } });
    expect(String(body)).toBe(language);
  }
});

test.each(['no-store', 'private', 'max-age=0'])('%s of an earlier middleware is heard', async (directive) => {
  const app = await serveCached({
    redis: file.redis,
    before: sets('Cache-Control', directive),
    handler: (_req, res) => void res.end('x'),
  });
  await app.get();
  expect((await app.get()).hit).toBe(false);
});

const asks: Record<string, Record<string, string>> = {
  'no-cache': { 'cache-control': 'no-cache' },
  'no-store': { 'cache-control': 'no-store' },
  'max-age=0': { 'cache-control': 'max-age=0' },
  Pragma: { pragma: 'no-cache' },
};

test.each(Object.keys(asks))('ignoreRequestCacheControl: %s does not get past the cache', async (what) => {
  const served = (cache: Partial<CacheResponseOptions>) =>
    serveCached({ redis: file.redis, cache, handler: (_req, res) => void res.send('x') });
  const strict = await served({ ignoreRequestCacheControl: true, prefix: 'strict:' });
  const usual = await served({ prefix: 'usual:' });
  expect((await strict.get('/', { headers: asks[what]! })).stored).toBe(true);
  await eventually('a hit', async () => (await strict.get('/', { headers: asks[what]! })).hit);
  await usual.get();
  if (what !== 'no-store') expect((await usual.get('/', { headers: asks[what]! })).hit).toBe(false);
});

const withinGrace = { 'Cache-Control': 'max-age=60, stale-while-revalidate=60', Age: '90' };

test.each<Record<string, string>>([{ range: 'bytes=0-0' }, { 'cache-control': 'no-store' }])(
  'a request with %j does no harm to what is being revalidated',
  async (headers) => {
    let calls = 0;
    const app = await serveCached({
      redis: file.redis,
      handler(req, res) {
        res.removeHeader('ETag');
        res.set(++calls === 1 ? withinGrace : { 'Cache-Control': 'max-age=60' });
        if (req.headers.range) res.status(206).set('Content-Range', 'bytes 0-0/4').end('c');
        else res.end(`call ${calls}`);
      },
    });
    await app.get();
    await eventually('a hit', async () => (await app.get('/', { headers })).hit);
    await eventually('the refreshed one', async () => String((await app.get()).body) === 'call 2');
    expect(calls).toBe(2);
  },
);

test.each([['in Redis'], ['near', { maxBytes: 1_000_000 }]] as const)(
  'a line that an earlier middleware appends to a hit of an entry %s is sent with no other',
  async (_where, nearCache?: { maxBytes: number }) => {
    const app = await serveCached({
      redis: file.redis,
      cache: nearCache ? { nearCache } : {},
      before: (app) =>
        void app.use((req, res, next) => {
          const { writeHead } = res;
          res.writeHead = function (this: typeof res, ...args: unknown[]) {
            this.appendHeader('Link', `<${req.headers['x-caller']}>`);
            return writeHead.apply(this, args as never);
          } as typeof writeHead;
          next();
        }),
      handler: (_req, res) => void res.setHeader('Link', ['<a>', '<b>']).send('good'),
    });
    await eventually('a hit', async () => (await app.get()).hit);
    const callers = ['x', 'y', 'z'];
    const links = callers.map(async (caller) => {
      const { headers } = await app.get('/', { headers: { 'x-caller': caller } });
      return headers.link;
    });
    expect(await Promise.all(links)).toEqual(callers.map((caller) => `<a>, <b>, <${caller}>`));
  },
);
