import { beforeEach, expect, test } from 'vitest';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { quiet, redisForFile, throughProxy } from '../support/redis-for-file.js';
import { serveRow } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

test('without Redis a mutation is refused before the handler runs, or proceeds if told to', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const strict = await serveRow({ redis, invalidate: { timeoutMs: 150 } });
  const lenient = await serveRow({ redis, invalidate: { timeoutMs: 150, onUnavailable: 'proceed' } });
  proxy.swallow();
  const refused = await strict.patch();
  expect(refused).toMatchObject({ status: 503, body: Buffer.from('{"error":"INVALIDATION_REFUSED"}') });
  expect(strict.row.value).toBe(0);
  expect(await lenient.patch()).toMatchObject({ status: 200, body: Buffer.from('1') });
});

test('when the purge fails the answer goes out, it is logged, and nothing stale is served', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const logged: string[] = [];
  const logger = { ...quiet, error: (_fields: object, message: string) => void logged.push(message) };
  const app = await serveRow({
    redis,
    invalidate: { timeoutMs: 150, logger },
    mutate: (_req, res) => {
      app.row.value = 1;
      proxy.swallow();
      res.send('changed');
    },
  });
  await app.warm();
  expect(await app.patch('/other')).toMatchObject({ status: 200, body: Buffer.from('changed') });
  expect(logged.filter((line) => line.startsWith('a purge failed'))).toHaveLength(1);
  proxy.thaw();
  proxy.sever();
  await eventually('Redis is back', async () => {
    const { headers, body } = await app.get('/thing');
    expect(body.toString()).toBe('1');
    return !String(headers['cache-status']).includes('bypass');
  });
  // The purge is repeated until Redis has acknowledged it, long before the mark would expire.
  await app.warm();
  expect(await app.value()).toBe('1');
  expect(await file.redis.get('tag:thing')).not.toMatch(/^!/);
});
