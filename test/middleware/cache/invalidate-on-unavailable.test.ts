import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { recordingLogger } from '../../faults/clients.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { fallbacks } from '../../support/fallbacks.js';
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

test.each(['refuse', 'proceed'] as const)(
  'each change that is told to %s is published, and logged once for all middlewares of a kind',
  async (onUnavailable) => {
    const events = fallbacks();
    const { redis } = await throughProxy(file.server);
    const logger = recordingLogger();
    const [one, other] = [
      await serveRow({ redis, invalidate: { onUnavailable, logger } }),
      await serveRow({ redis, invalidate: { onUnavailable, logger } }),
    ];
    const aside = cacheAside({ redis, onUnavailable, logger });
    await file.redis.config('SET', 'maxmemory', '1');
    onTestFinished(async () => void (await file.redis.config('SET', 'maxmemory', '0')));
    for (const app of [one, other, one]) await app.patch();
    for (let n = 0; n < 2; n++) await aside.mutate(['t'], async () => 'done').catch(() => 'refused');
    const [change, mutation] = [`invalidateOn OOM ${onUnavailable}`, `cacheAside OOM ${onUnavailable}`];
    expect(events).toEqual([change, change, change, mutation, mutation]);
    const kinds = logger.lines.map(({ message }) => message.split(':')[0]);
    expect(kinds.filter((kind) => kind === 'invalidateOn')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'cacheAside')).toHaveLength(1);
  },
);
