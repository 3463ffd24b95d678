import express, { type RequestHandler } from 'express';
import { beforeEach, expect, test } from 'vitest';
import { invalidateOn } from '../../../middleware/cache/invalidate-on.js';
import { tagVersions } from '../../../src/tags/tag-versions.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { gate, quiet, redisForFile, serve, throughProxy } from '../support/redis-for-file.js';
import { type AskOptions, ask, serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const invalidate = (...tags: string[]) =>
  tagVersions(file.redis, { prefix: '', timeoutMs: 1000 }).invalidate(tags);

const ways: Record<string, RequestHandler> = {
  'res.cacheTags': (_req, res) => {
    res.cacheTags('author:1', 'author:2');
    res.send('x');
  },
  'Surrogate-Key': (_req, res) => void res.set('Surrogate-Key', 'author:1 author:2').send('x'),
  'Surrogate-Key, on two lines': (_req, res) => {
    res.setHeader('Surrogate-Key', ['author:0 author:1', 'author:2']);
    res.send('x');
  },
  'res.cacheTags, while it streams': (_req, res) => {
    res.cacheTags('author:1');
    res.write('x');
    res.cacheTags('author:2');
    res.end();
  },
  'Cache-Tag': (_req, res) => void res.set('Cache-Tag', 'author:1, author:2').send('x'),
};

test.each(Object.keys(ways))(
  'a tag that the handler names by %s invalidates, and is told to no client',
  async (way) => {
    const app = await serveCached({ redis: file.redis, handler: ways[way]! });
    const first = await app.get();
    expect(first.headers).not.toHaveProperty('surrogate-key');
    expect(first.headers).not.toHaveProperty('cache-tag');
    for (const tag of ['author:1', 'author:2']) {
      await eventually('a hit', async () => (await app.get()).hit);
      await invalidate('author:3');
      expect((await app.get()).hit).toBe(true);
      await invalidate(tag);
      expect((await app.get()).hit).toBe(false);
    }
  },
);

test('another process, which has not seen the tags yet, heeds them too', async () => {
  const handler = ways['res.cacheTags']!;
  const one = await serveCached({ redis: file.redis, handler, cache: { key: () => 'same' } });
  await one.get();
  await eventually('a hit', async () => (await one.get()).hit);
  const two = await serveCached({ redis: file.redis, handler, cache: { key: () => 'same' } });
  await invalidate('author:1');
  expect((await two.get('/')).hit).toBe(false);
});

test.each(['author:1', 'unrelated'])(
  'a fill during which %s was invalidated is not stored: its tags were not known before',
  async (tag) => {
    const reading = gate();
    const go = gate();
    let calls = 0;
    const app = await serveCached({
      redis: file.redis,
      handler: async (_req, res) => {
        res.cacheTags('author:1');
        if (++calls === 1) {
          reading.open();
          await go.passed;
        }
        res.send(`call ${calls}`);
      },
    });
    const slow = app.get();
    await reading.passed;
    await invalidate(tag);
    go.open();
    await slow;
    expect(await app.get()).toMatchObject({ hit: false, body: Buffer.from('call 2') });
    await eventually('a hit', async () => (await app.get()).hit);
  },
);

test('a fill under a mark for a tag that the handler names is not stored', async () => {
  const versions = tagVersions(file.redis, { prefix: '', timeoutMs: 1000 });
  await versions.mark(['author:1'], 'mutation', 5000);
  const app = await serveCached({ redis: file.redis, handler: ways['res.cacheTags']! });
  for (let asked = 0; asked < 3; asked++) expect((await app.get()).hit).toBe(false);
  await versions.unmark(['author:1'], 'mutation');
  await eventually('a hit', async () => (await app.get()).hit);
});

test.each(['Surrogate-Key', 'Cache-Tag'])(
  '%s reaches no client when the response may not be stored, nor while Redis does not answer',
  async (header) => {
    const { proxy, redis } = await throughProxy(file.server);
    const app = await serveCached({
      redis,
      cache: { timeoutMs: 150 },
      handler: (req, res) => {
        if (req.query.private !== undefined) res.set('Cache-Control', 'private');
        res.set(header, 'author:1');
        res.writeHead(200, { 'X-Written': 'yes' });
        res.end('x');
      },
    });
    const isHidden = async (path: string, options?: AskOptions) => {
      const reply = await app.get(path, options);
      expect(reply).toMatchObject({ status: 200, hit: false, stored: false, body: Buffer.from('x') });
      expect(reply.headers).toHaveProperty('x-written');
      expect(reply.headers).not.toHaveProperty(header.toLowerCase());
      return String(reply.headers['cache-status']);
    };
    await isHidden('/?private');
    await isHidden('/', { headers: { authorization: 'Bearer x' } });
    proxy.swallow();
    expect(await isHidden('/')).toContain('bypass');
    expect(await isHidden('/')).toContain('bypass');
  },
);

test.each([
  ['GET', {}],
  ['OPTIONS', {}],
  ['POST', { when: () => false }],
  ['POST', {}],
] as const)('behind invalidateOn a handler of %s may name tags (%o)', async (method, options) => {
  const app = express().all(
    '/',
    invalidateOn({ redis: file.redis, logger: quiet, ...options }),
    ways['res.cacheTags']!,
  );
  expect((await ask(await serve(app), '/', { method })).status).toBe(200);
});

const changing: Record<string, (call: number) => string[]> = {
  'one more': (call) => (call === 1 ? ['item:1'] : ['item:1', 'item:2']),
  'another one': (call) => (call === 1 ? ['item:1', 'item:2'] : ['item:2', 'item:3']),
  'two in turn': (call) => [`item:${call % 2}`],
};

test.each(Object.keys(changing))(
  'a page that names %s is stored although something else is changed during each call of its handler',
  async (change) => {
    let calls = 0;
    const app = await serveCached({
      redis: file.redis,
      handler: async (_req, res) => {
        res.cacheTags(...changing[change]!(++calls));
        await invalidate('unrelated');
        res.send('x');
      },
    });
    await eventually('a hit', async () => (await app.get()).hit);
    expect(calls).toBeLessThanOrEqual(3);
  },
);
