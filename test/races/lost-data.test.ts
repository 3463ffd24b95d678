import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type RequestHandler } from 'express';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { invalidateOn } from '../../middleware/cache/invalidate-on.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { gate, quiet } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';

/** A process of its own as far as Redis can tell: a client of its own, which remembers nothing of the others. */
async function serveRow(url: string, row: { value: number }, change: RequestHandler) {
  const redis = connectRedis({ url, logger: quiet });
  const common = { redis, logger: quiet, timeoutMs: 300, tags: () => ['row'] };
  const app = express();
  app.get(
    '/row',
    cacheResponse({ ...common, ttlSeconds: 60 }),
    (_req, res) => void res.send(String(row.value)),
  );
  app.patch('/row', invalidateOn(common), change);
  const server = app.listen(0);
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/row`;
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await closeRedis(redis, { timeoutMs: 100 });
  });
  return {
    async get() {
      const answer = await fetch(base);
      const status = answer.headers.get('cache-status') ?? '';
      return { value: await answer.text(), isHit: /hit/.test(status), isBypass: /bypass/.test(status) };
    },
    patch: () => fetch(base, { method: 'PATCH' }),
  };
}

async function flush({ url }: TestRedis): Promise<void> {
  const direct = new Redis(url);
  await direct.flushall();
  direct.disconnect();
}

test.each<[event: string, lose: (server: TestRedis) => Promise<void>]>([
  ['Redis is flushed', flush],
  ['Redis is killed and comes back empty', (server) => server.restart()],
])(
  'after its 2xx a change is seen though %s while its handler runs, and its purge is lost',
  async (_event, lose) => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.close());
    const row = { value: 0 };
    const [begun, committing] = [gate(), gate()];
    const writer = await serveRow(`redis://127.0.0.1:${proxy.port}`, row, async (_req, res) => {
      begun.open();
      await committing.passed;
      row.value = 1;
      // The purge reaches nobody.
      proxy.swallow();
      res.send('changed');
    });
    const reader = await serveRow(server.url, row, (_req, res) => void res.end());
    await eventually('a hit', async () => (await reader.get()).isHit);
    await writer.get();
    const patched = writer.patch();
    await begun.passed;
    await lose(server);
    await eventually('the reader is connected', async () => !(await reader.get()).isBypass);
    // The reader misses now, and would store the older value again and again.
    for (let read = 0; read < 20; read++) await reader.get();
    committing.open();
    expect((await patched).status).toBe(200);
    for (let read = 0; read < 20; read++) expect((await reader.get()).value).toBe('1');
    proxy.thaw();
    proxy.sever();
    await eventually(
      'a hit of the new value',
      async () => {
        const { value, isHit } = await reader.get();
        expect(value).toBe('1');
        return isHit;
      },
      { withinMs: 12_000 },
    );
  },
);
