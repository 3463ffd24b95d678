import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { recordingLogger } from '../../faults/clients.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { fallbacks } from '../../support/fallbacks.js';
import { redisForFile, throughProxy } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

async function fill(isFull: boolean) {
  await file.redis.config('SET', 'maxmemory', isFull ? '1' : '0');
}

/** An app whose cache has a client of its own, and during whose handler Redis may fill up. */
async function watchedApp(given: { fillsUp?: boolean; cacheControl?: string }) {
  const { redis } = await throughProxy(file.server);
  const logger = recordingLogger();
  onTestFinished(() => fill(false));
  const app = await serveCached({
    redis,
    cache: { logger },
    handler: async (_req, res) => {
      if (given.fillsUp) await fill(true);
      if (given.cacheControl) res.set('Cache-Control', given.cacheControl);
      res.send('page');
    },
  });
  return { ...app, lines: logger.lines };
}

test('a response that Redis does not take is published, and logged once per outage', async () => {
  const { get, lines } = await watchedApp({ fillsUp: true });
  const events = fallbacks();
  for (const path of ['/1', '/2', '/3']) {
    await fill(false);
    expect((await get(path)).status).toBe(200);
    await eventually('the report', async () => events.includes('cacheResponse OOM bypass'));
    expect(events.splice(0)).toEqual(['cacheResponse OOM bypass']);
  }
  expect(lines.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^cacheResponse: .*responses are not cached/),
  ]);
});

test('a stale response that cannot be refreshed is reported', async () => {
  const { get } = await watchedApp({ cacheControl: 'max-age=0, stale-while-revalidate=60' });
  await eventually('a stale hit', async () => (await get()).hit);
  await fill(true);
  const events = fallbacks();
  await eventually('the report', async () => {
    expect((await get()).body.toString()).toBe('page');
    return events.length > 0;
  });
  expect(new Set(events)).toEqual(new Set(['cacheResponse OOM bypass']));
});
