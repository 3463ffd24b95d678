import { METHODS } from 'node:http';
import express, { type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { type InvalidateOnOptions, invalidateOn } from '../../../middleware/cache/invalidate-on.js';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';
import { ask, serveCached } from './support/cache-client.js';

const file = redisForFile();
const common = () => ({ redis: file.redis, logger: quiet, timeoutMs: 5_000 });

/** GETs are cached under the tags of `x-tags`; a POST to /change goes through `invalidateOn`. */
async function serveTagged(
  options: Partial<InvalidateOnOptions> = {},
  change: RequestHandler = (_q, r) => void r.end(),
) {
  const app = express();
  const tags = (req: express.Request) => String(req.headers['x-tags'] ?? 'none').split(' ');
  app.post('/change', invalidateOn({ ...common(), ...options }), change);
  app.all(
    /.*/,
    cacheResponse({ ...common(), ttlSeconds: 60, tags }),
    (req, res) => void (req.method === 'POST' ? change(req, res, () => {}) : res.send('x')),
  );
  const url = await serve(app);
  const isHit = async (path: string, tag: string) => {
    const headers = { 'x-tags': tag };
    await ask(url, path, { headers });
    return async () => (await ask(url, path, { headers })).hit;
  };
  return { url, isHit, post: (path: string) => ask(url, path, { method: 'POST' }) };
}

const spellings = ['/users/7', '/users/7/', '/Users/7', '/users/7?', '/USERS/%37//', '/users/7?&'];

test.each(spellings.flatMap((cached) => spellings.map((changed) => [cached, changed])))(
  'a cached %s is purged by a change of %s, which Express routes alike',
  async (cached, changed) => {
    const app = await serveTagged();
    const isHit = await app.isHit(cached!, 'none');
    expect(await isHit()).toBe(true);
    await app.post(changed!);
    expect(await isHit()).toBe(false);
  },
);

test('a purge of one path leaves others: no prefix, no other query', async () => {
  const app = await serveTagged();
  const others = await Promise.all(
    ['/users/77', '/users', '/users/7/posts', '/users/7?a=1'].map((path) => app.isHit(path, 'none')),
  );
  await app.post('/users/7?b=1');
  expect(await Promise.all(others.map((isHit) => isHit()))).toEqual([true, true, true, true]);
});

test.each(['*', 'url:/secret', 'key:user:7'])(
  'a client that chooses the tag %s reaches nothing of the toolkit with it',
  async (chosen) => {
    const aside = cacheAside({ redis: file.redis, logger: quiet });
    const app = await serveTagged({ tags: () => [chosen] });
    const [other, own] = [await app.isHit('/secret', 'none'), await app.isHit('/tagged', chosen)];
    await aside.getOrLoad('user:7', async () => 'value', { ttlSeconds: 60 });
    expect([await other(), await own()]).toEqual([true, true]);
    await app.post('/change');
    await aside.invalidateTags([chosen]);
    expect([await other(), await own(), (await aside.get('user:7')).value]).toEqual([true, false, 'value']);
  },
);

test.each(['QUERY', 'PROPFIND', 'REPORT', 'SEARCH', 'OPTIONS'])(
  'the safe method %s neither purges nor needs Redis to take a mark',
  async (method) => {
    const app = await serveCached({ redis: file.redis, handler: (_req, res) => void res.send('x') });
    const path = `/safe/${method}`;
    await app.get(path);
    const marking = express();
    marking.use(invalidateOn({ ...common(), tags: () => ['thing'] }), (_req, res) => void res.end('done'));
    const before = await file.redis.get('tag:thing');
    const url = await serve(marking);
    // Node 20 parses no QUERY.
    const answer = METHODS.includes(method) ? await ask(url, path, { method }) : undefined;
    expect(answer?.status ?? 200).toBe(200);
    expect(await file.redis.get('tag:thing')).toBe(before);
    expect((await app.get(path)).hit).toBe(true);
  },
);

test.each(['POST', 'OPTIONS', 'DELETE'])(
  'res.cacheTags exists behind cacheResponse for %s',
  async (method) => {
    const app = express();
    app.use(cacheResponse({ ...common(), ttlSeconds: 60 }), (_req, res) => {
      res.cacheTags('named');
      res.end('done');
    });
    expect((await ask(await serve(app), '/any', { method })).status).toBe(200);
  },
);

test.each(['/change', '/plain'])(
  'tags that the handler of a mutation at %s names are purged',
  async (path) => {
    const app = await serveTagged({}, (_req, res) => {
      res.cacheTags('group:9');
      res.end();
    });
    const [named, other] = [await app.isHit('/named', 'group:9'), await app.isHit('/other', 'group:8')];
    expect([await named(), await other()]).toEqual([true, true]);
    expect((await app.post(path)).status).toBe(200);
    expect([await named(), await other()]).toEqual([false, true]);
  },
);

const thenable = <T>(value: T) =>
  // biome-ignore lint/suspicious/noThenProperty: the promise of another library
  ({ then: (done: (value: T) => void) => done(value) }) as unknown as Promise<T>;

test.each([
  ['a promise', <T>(value: T) => Promise.resolve(value)],
  ['a thenable', thenable],
])('invalidateOn awaits %s of its options', async (_kind, later) => {
  const app = await serveTagged({
    when: (req) => later(req.headers['x-skip'] === undefined),
    tags: () => later(['async']),
    urls: () => later(['/by-url']),
  });
  const hits = [await app.isHit('/by-tag', 'async'), await app.isHit('/by-url', 'none')];
  await ask(app.url, '/change', { method: 'POST', headers: { 'x-skip': '1' } });
  expect(await Promise.all(hits.map((isHit) => isHit()))).toEqual([true, true]);
  await app.post('/change');
  expect(await Promise.all(hits.map((isHit) => isHit()))).toEqual([false, false]);
});

test.each([
  [
    'throws',
    () => {
      throw new Error('broken');
    },
  ],
  ['rejects', () => Promise.reject(new Error('broken'))],
  ['returns nonsense', () => 7 as never],
])('tags that %s end in an error, and the handler does not run', async (_how, tags) => {
  let ran = false;
  const app = await serveTagged({ tags }, (_req, res) => {
    ran = true;
    res.end();
  });
  expect((await app.post('/change')).status).toBe(500);
  expect(ran).toBe(false);
});
