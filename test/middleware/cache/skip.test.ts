import type { Request } from 'express';
import { beforeEach, expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { stack } from '../../../middleware/stack/index.js';
import { recordingLogger } from '../../faults/clients.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { quiet, redisForFile } from '../support/redis-for-file.js';
import { serveCached, serveRow } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const isPreview = (req: Request) => 'preview' in req.query;

test('a skipped request is neither answered from the cache nor stored, and the others are', async () => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    cache: { skip: isPreview, key: () => 'one' },
    handler: (_req, res) => void res.set('Surrogate-Key', 'x').send(`call ${++calls}`),
  });
  const bodies: string[] = [];
  for (const path of ['/?preview', '/', '/?preview', '/']) bodies.push(String((await app.get(path)).body));
  expect(bodies).toEqual(['call 1', 'call 2', 'call 3', 'call 2']);
  const { headers } = await app.get('/?preview');
  expect(headers['cache-status']).toBe('toolkit;fwd=bypass;detail=skip');
  expect(headers['surrogate-key']).toBeUndefined();
});

test('a change purges although skip skips everything', async () => {
  const app = await serveRow({ redis: file.redis });
  await app.warm();
  const skipping = cacheResponse({ redis: file.redis, logger: quiet, skip: () => true });
  const changing = await serveCached({
    redis: file.redis,
    handler: (_req, res) => void res.send('x'),
    before: (express) => express.put('/thing', skipping, (_req, res) => void res.send('changed')),
  });
  // The host is part of the entry's name, and not of the URL that a change purges.
  expect((await fetch(`${changing.url}/thing`, { method: 'PUT' })).status).toBe(200);
  expect((await app.get('/thing')).hit).toBe(false);
});

test('a request that one cacheResponse skips is cached by the next one, which hears the tags', async () => {
  const logger = recordingLogger();
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    before: (express) => express.use(cacheResponse({ redis: file.redis, logger, skip: () => true })),
    handler: (_req, res) => void res.set('Surrogate-Key', 'named').send(`call ${++calls}`),
  });
  const first = await app.get();
  // Its tag became known with the answer, so that nothing could be promised.
  expect(first.headers['cache-status']).toContain('late-tags');
  expect(first.headers['surrogate-key']).toBeUndefined();
  const { hit, headers } = await app.get();
  expect(hit).toBe(true);
  expect(headers['cache-status']).not.toContain('bypass');
  expect(logger.lines).toEqual([]);
});

test('skip is asked again when an earlier part of the stack may have changed the request', async () => {
  const cached = cacheResponse({
    redis: file.redis,
    logger: quiet,
    ttlSeconds: 60,
    timeoutMs: 1000,
    skip: (req) => (req as { isAdmin?: boolean }).isAdmin === true,
  });
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => void res.send('not reached'),
    before: (express) =>
      express.get(
        '/stacked',
        stack((req, _res, next) => {
          Object.assign(req, { isAdmin: req.headers['x-admin'] === 'yes' });
          next();
        }, cached),
        (req, res) => void res.send(`admin ${String((req as { isAdmin?: boolean }).isAdmin)}`),
      ),
  });
  const admin = { headers: { 'x-admin': 'yes' } };
  for (const hit of [false, true]) expect((await app.get('/stacked')).hit).toBe(hit);
  const { body } = await app.get('/stacked', admin);
  expect(String(body)).toBe('admin true');
});

test.each<[string, () => unknown]>([
  ['a promise', () => Promise.reject(new Error('nobody awaits it'))],
  // biome-ignore lint/suspicious/noThenProperty: a promise of another library, which calls what it was given unseen
  ['a thenable', () => ({ then: (resolve: (value: unknown) => void) => setImmediate(() => resolve(1)) })],
  ['a function', () => () => true],
])('a skip that returns %s is refused, and the request alone fails', async (_, skip) => {
  const app = await serveCached({
    redis: file.redis,
    cache: { skip: skip as () => boolean },
    handler: (_req, res) => void res.send('x'),
  });
  expect((await app.get()).status).toBe(500);
  expect(String((await app.get()).body)).toContain('OPTION_INVALID');
});

test('a skip that throws fails its request, and one that returns nothing skips nothing', async () => {
  let isBroken = true;
  const app = await serveCached({
    redis: file.redis,
    cache: {
      skip() {
        if (isBroken) throw new Error('broken');
        return undefined as never;
      },
    },
    handler: (_req, res) => void res.send('x'),
  });
  expect((await app.get()).status).toBe(500);
  isBroken = false;
  for (const hit of [false, true]) expect((await app.get()).hit).toBe(hit);
});
