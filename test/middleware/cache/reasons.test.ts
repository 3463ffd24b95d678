import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Express, RequestHandler } from 'express';
import { beforeEach, expect, test } from 'vitest';
import type { CacheResponseOptions } from '../../../middleware/cache/options.js';
import type { CacheReason } from '../../../middleware/cache/reasons.js';
import { rateLimit } from '../../../middleware/rate-limit/rate-limit.js';
import { session } from '../../../middleware/session/session.js';
import { cacheReasons } from '../../../scripts/cache-reasons.js';
import { tagVersions } from '../../../src/tags/tag-versions.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { data, SECRET } from '../session/support/session-client.js';
import { quiet, redisForFile, throughProxy } from '../support/redis-for-file.js';
import { type AskOptions, serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

interface Scene {
  handler?: RequestHandler;
  cache?: Partial<CacheResponseOptions>;
  before?: (app: Express) => void;
  path?: string;
  options?: AskOptions;
  /** Begins the reply, all of it by default. */
  said?: RegExp;
  prepare?: () => Promise<unknown>;
  /** The request is asked twice, and the second reply counts. */
  isRepeated?: true;
}

const set =
  (name: string, value: string): RequestHandler =>
  (_req, res) =>
    void res.set(name, value).send('x');
const withSession = (app: Express) =>
  void app.use(session({ redis: file.redis, secret: SECRET, logger: quiet }));
const using = (middleware: RequestHandler) => (app: Express) => void app.use(middleware);
const namesTag: RequestHandler = (_req, res) => {
  res.cacheTags('late');
  res.send('x');
};
const failsSecondTime = (): RequestHandler => {
  let calls = 0;
  return (_req, res) => {
    if (++calls > 1) return void res.status(500).send('broken');
    res.set('Cache-Control', 'max-age=0, stale-if-error=60').send('x');
  };
};
const changesItsMind = (): RequestHandler => {
  let calls = 0;
  return (_req, res) => {
    if (++calls > 1) return void res.set('ETag', '"b"').status(304).end();
    res.set('Cache-Control', 'no-cache').set('ETag', '"a"').send('x');
  };
};

const scenes: Record<Exclude<CacheReason, 'redis-unavailable'>, Scene> = {
  authorization: { options: { headers: { authorization: 'Bearer x' } } },
  'cache-groups': { handler: set('Cache-Groups', 'scripts') },
  'client-certificate': {
    before: using((req, _res, next) => next(void Object.assign(req.socket, { authorized: true }))),
  },
  content: { options: { headers: { 'content-length': '1' } }, said: /^toolkit;fwd=bypass;detail=content$/ },
  'credential-field': { options: { headers: { 'x-api-key': 'x' } } },
  'foreign-cookie': { options: { headers: { cookie: 'jwt=x' } } },
  'foreign-session': { before: using((req, _res, next) => next(void Object.assign(req, { session: {} }))) },
  head: { options: { method: 'HEAD' } },
  host: { cache: { hosts: ['other.example'] }, said: /^toolkit;fwd=bypass;detail=host$/ },
  'late-tags': { handler: namesTag },
  'must-understand': {
    handler: (_req, res) =>
      void res.status(299).set('Cache-Control', 'must-understand, max-age=60').send('x'),
  },
  near: {
    cache: { nearCache: { maxBytes: 100_000 } },
    isRepeated: true,
    said: /^toolkit;hit;ttl=\d+;detail=near$/,
  },
  'no-store': { handler: set('Cache-Control', 'no-store') },
  'not-fresh': { handler: (_req, res) => void res.status(404).send('x') },
  'only-if-cached': {
    options: { headers: { 'cache-control': 'only-if-cached' } },
    said: /^toolkit;detail=only-if-cached$/,
  },
  'other-validator': {
    handler: changesItsMind(),
    isRepeated: true,
    said: /^toolkit;fwd=stale;fwd-status=304;detail=other-validator;ttl=/,
  },
  private: { handler: set('Cache-Control', 'private, max-age=60') },
  'request-no-store': { options: { headers: { 'cache-control': 'no-store' } } },
  'session-before': {
    before: (app) => {
      withSession(app);
      const keyGenerator = (req: Parameters<typeof data>[0]) => data(req).user ?? 'nobody';
      app.use(rateLimit({ redis: file.redis, limit: 99, windowMs: 60_000, logger: quiet, keyGenerator }));
    },
    said: /^toolkit;fwd=bypass;detail=session-before$/,
  },
  'session-read': { before: withSession, handler: (req, res) => void res.send(data(req).user ?? 'nobody') },
  'set-cookie': { handler: (_req, res) => void res.cookie('a', '1').send('x') },
  skip: { cache: { skip: () => true }, said: /^toolkit;fwd=bypass;detail=skip$/ },
  'stale-if-error': {
    handler: failsSecondTime(),
    isRepeated: true,
    said: /^toolkit;fwd=stale;fwd-status=500;detail=stale-if-error;ttl=/,
  },
  status: { handler: (_req, res) => void res.status(206).set('Content-Range', 'bytes 0-0/2').send('x') },
  stream: { handler: set('Content-Type', 'text/event-stream') },
  'tag-marked': {
    prepare: () =>
      tagVersions(file.redis, { prefix: '', timeoutMs: 1000 }).mark(['thing'], 'a running change', 5000),
  },
  target: { path: '/#part' },
  'too-large': { cache: { maxBodyBytes: 3 }, handler: (_req, res) => void res.send('four') },
  user: { before: using((req, _res, next) => next(void Object.assign(req, { user: { id: 1 } }))) },
  vary: { handler: set('Vary', '*') },
};

test.each(Object.entries(scenes))('Cache-Status tells in detail that it was %s', async (word, scene) => {
  const { handler = (_req, res) => void res.send('x'), cache = {}, before, options, isRepeated } = scene;
  await scene.prepare?.();
  const app = await serveCached({ redis: file.redis, handler, cache, ...(before && { before }) });
  const said = async () => String((await app.get(scene.path, options)).headers['cache-status']);
  const expected = scene.said ?? new RegExp(`^toolkit;fwd=uri-miss;detail=${word}$`);
  if (isRepeated) await said();
  if (isRepeated) await eventually('an entry', async () => (await file.redis.keys('cache:*')).length > 0);
  expect(await said()).toMatch(expected);
});

test('Cache-Status tells that Redis is unavailable, and a stored miss tells nothing more', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const app = await serveCached({
    redis,
    handler: (_req, res) => void res.send('x'),
    cache: { timeoutMs: 150 },
  });
  expect((await app.get('/')).headers['cache-status']).toBe('toolkit;fwd=uri-miss;stored');
  proxy.swallow();
  expect((await app.get('/')).headers['cache-status']).toBe('toolkit;fwd=bypass;detail=redis-unavailable');
});

test('tags that the handler named last time are no reason any more', async () => {
  const app = await serveCached({ redis: file.redis, handler: namesTag });
  await app.get('/');
  await eventually('a hit', async () => (await app.get('/')).hit);
  await tagVersions(file.redis, { prefix: '', timeoutMs: 1000 }).invalidate(['late']);
  expect((await app.get('/')).headers['cache-status']).toMatch(/^toolkit;fwd=uri-miss;stored$/);
});

test('the guide has a row for each word that the source can send, and for no other', () => {
  const guide = readFileSync(join(__dirname, '../../../docs/guides/why-not-cached.md'), 'utf8');
  const table = guide.slice(guide.indexOf('<!-- reasons -->'), guide.indexOf('<!-- end -->'));
  const words = [...table.matchAll(/^\| `([a-z-]+)` \| \S.* \| \S.* \|$/gm)].map(([, word]) => word);
  expect(words.slice(1)).toEqual(Object.keys(cacheReasons));
  expect(Object.keys(cacheReasons).sort()).toEqual([...Object.keys(scenes), 'redis-unavailable'].sort());
});
