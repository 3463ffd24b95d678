import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RequestHandler, Response } from 'express';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { gate, redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const stale = (more: string) => ({ 'Cache-Control': `max-age=60, ${more}`, Age: '90' });

const directory = async () => {
  const made = await mkdtemp(join(tmpdir(), 'cache-stale-'));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
};

const answers: Record<string, (res: Parameters<RequestHandler>[1], text: string) => void> = {
  'by send': (res, text) => void res.send(text),
  'by json': (res, text) => void res.json(text),
  'by writeHead and pieces': (res, text) => {
    res.writeHead(200, { 'X-Written': 'yes' });
    res.write(text.slice(0, 2));
    res.end(text.slice(2));
  },
  'by flushHeaders and pieces': (res, text) => {
    res.flushHeaders();
    res.write(text.slice(0, 2));
    res.end(text.slice(2));
  },
};

test.each(Object.keys(answers))(
  'stale-while-revalidate answers at once, and refreshes once, %s',
  async (how) => {
    const refreshed = gate();
    let calls = 0;
    const app = await serveCached({
      redis: file.redis,
      handler: async (_req, res) => {
        calls++;
        res.set(calls === 1 ? stale('stale-while-revalidate=60') : { 'Cache-Control': 'max-age=60' });
        if (calls > 1) await refreshed.passed;
        answers[how]!(res, `call ${calls}`);
      },
    });
    const first = await app.get();
    const during = await Promise.all([app.get(), app.get(), app.get()]);
    for (const { hit, body } of during) expect([hit, String(body)]).toEqual([true, String(first.body)]);
    await eventually('a refresh', () => calls === 2);
    refreshed.open();
    await eventually('the refreshed one', async () => String((await app.get()).body).includes('call 2'));
    const after = await app.get();
    expect(after.hit).toBe(true);
    if (how.includes('writeHead')) expect(after.headers['x-written']).toBe('yes');
    expect(calls).toBe(2);
  },
);

const large = (call: number) => `call ${call} `.repeat(60_000);
const streams: Record<string, (res: Response, call: number) => unknown> = {
  'by sendFile': async (res, call) => {
    const file = join(await directory(), 'large.txt');
    await writeFile(file, large(call));
    res.sendFile(file, { cacheControl: false, lastModified: false, etag: false });
  },
  'by pipe': (res, call) => once(Readable.from([large(call)]).pipe(res), 'close'),
  'by pipeline': (res, call) =>
    pipeline(Readable.from([large(call).slice(0, 99), large(call).slice(99)]), res),
  'by write and drain': async (res, call) => {
    for (let at = 0; at < large(call).length; at += 40_000) {
      if (!res.write(large(call).slice(at, at + 40_000))) await once(res, 'drain');
    }
    res.end();
    await once(res, 'finish');
  },
};

test.each(Object.keys(streams))('a large body is refreshed in the background %s', async (how) => {
  let [calls, done] = [0, 0];
  const app = await serveCached({
    redis: file.redis,
    // On a busy machine 420 KB take long, and a request that went past the cache would be a third call.
    cache: { timeoutMs: 10_000 },
    handler: async (_req, res) => {
      const call = ++calls;
      res.set(call === 1 ? stale('stale-while-revalidate=60') : { 'Cache-Control': 'max-age=60' });
      await streams[how]!(res, call);
      done++;
    },
  });
  await app.get();
  await eventually('a refresh', async () => {
    const { body } = await app.get();
    return String(body) === large(calls) && calls === 2;
  });
  // Who waits for the end of a response gives back what it held.
  await eventually('both handlers are through', () => done === 2);
});

test('an error while refreshing in the background reaches no client and ends nothing', async () => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => {
      if (++calls > 1) throw new Error('refresh failed');
      res.set(stale('stale-while-revalidate=60')).send('old');
    },
  });
  await app.get();
  for (let asked = 0; asked < 3; asked++) expect(await app.get()).toMatchObject({ status: 200, hit: true });
  await eventually('a refresh', () => calls > 1);
});

test.each(['throws', 'rejects', 'answers 503'])('stale-if-error: the handler %s', async (how) => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: async (_req, res) => {
      if (++calls === 1) return void res.set(stale('stale-if-error=60')).send('old');
      if (how === 'answers 503') return void res.status(503).send('broken');
      if (how === 'rejects') await Promise.reject(new Error('broken'));
      throw new Error('broken');
    },
  });
  await app.get();
  const reply = await app.get();
  expect([reply.status, String(reply.body)]).toEqual([200, 'old']);
  expect(reply.headers['cache-status']).toMatch(/fwd=stale;fwd-status=50[03]/);
});

test("a validation asks Express' own handlers, and their 304 is absorbed", async () => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => {
      calls++;
      res.set('Cache-Control', 'no-cache').send('the same');
    },
  });
  for (let asked = 1; asked < 4; asked++) {
    const { status, body, headers } = await app.get();
    expect([status, String(body)]).toEqual([200, 'the same']);
    if (asked > 1) expect(headers['cache-status']).toContain('fwd-status=304');
  }
  expect(calls).toBe(3);
});

test('what stands in for a 304 or an error has a reason phrase of its own', async () => {
  let calls = 0;
  const app = await serveCached({
    redis: file.redis,
    handler: (_req, res) => {
      if (++calls === 1) return void res.set('Cache-Control', 'no-cache').set('ETag', '"a"').send('stored');
      res.statusMessage = 'Not Modified';
      res.status(304).end();
    },
  });
  await app.get();
  const { status, statusText } = await fetch(app.url);
  expect([calls, status, statusText]).toEqual([2, 200, 'OK']);
});

test('earlyRefresh: a hit at once, while one request in all processes has the handler run before the end', async () => {
  const go = gate();
  let calls = 0;
  const handler: RequestHandler = async (_req, res) => {
    const call = ++calls;
    if (call === 1) await new Promise((resolve) => setTimeout(resolve, 50));
    else await go.passed;
    res.send(`call ${call}`);
  };
  const cache = { earlyRefresh: 1000, key: () => 'early' };
  const one = await serveCached({ redis: file.redis, cache, handler });
  const other = await serveCached({ redis: file.redis, cache, handler });
  await one.get();
  await eventually('an early refresh', async () => {
    expect(await one.get()).toMatchObject({ hit: true, body: Buffer.from('call 1') });
    return calls === 2;
  });
  for (let asked = 0; asked < 30; asked++) {
    expect(await other.get()).toMatchObject({ hit: true, body: Buffer.from('call 1') });
  }
  expect(calls).toBe(2);
  go.open();
  await eventually('the new response', async () => String((await one.get()).body) === 'call 2');
});
