import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { trackingOf } from '../../../src/cache/near/change-tracking.js';
import { subscriber } from '../../../src/messages/index.js';
import { linkTo } from '../../../src/redis/link.js';
import { subscriberConnectionOf } from '../../../src/subscriptions/index.js';
import { eventually } from '../../support/eventually.js';
import { startRedis, type TestRedis } from '../../support/redis.js';

const MANY = 25;

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

function client() {
  const redis = new Redis(server.url);
  const warnings: string[] = [];
  const note = ({ message }: Error) => void warnings.push(message);
  process.on('warning', note);
  onTestFinished(() => {
    process.off('warning', note);
    redis.disconnect();
  });
  return { redis, warnings };
}

const warned = () => new Promise(setImmediate);

test('many tracked near caches, subscribers and handlers on one client cause no listener-leak warning', async () => {
  const { redis, warnings } = client();
  const trackings = Array.from({ length: MANY }, (_, index) => trackingOf(redis, [`app-${index}:tag:`]));
  const over = new AbortController();
  for (let index = 0; index < MANY; index++) {
    await subscriber(redis).on('news', () => undefined, { signal: over.signal });
  }
  await eventually('all of them track', () => trackings.every((tracking) => tracking.now() !== undefined));
  over.abort();
  await warned();
  expect(warnings).toEqual([]);
});

test('many hot reloads of the toolkit over one client cause no listener-leak warning', async () => {
  const { redis, warnings } = client();
  for (let reload = 0; reload < MANY; reload++) {
    vi.resetModules();
    const fresh = await import('../../../src/redis/link.js');
    expect(fresh.linkTo).not.toBe(linkTo);
    await fresh.linkTo(redis).send('ping', [], { timeoutMs: 1_000 });
    const { subscriberConnectionOf } = await import('../../../src/subscriptions/index.js');
    await subscriberConnectionOf(redis).listen('news', () => undefined);
  }
  await warned();
  expect(warnings).toEqual([]);
});

test('a subscriber connection that is closed leaves no listener on the client', async () => {
  const { redis } = client();
  linkTo(redis);
  const before = [redis.listenerCount('end'), redis.getMaxListeners()];
  for (let opened = 0; opened < 3; opened++) {
    const connection = subscriberConnectionOf(redis);
    await connection.listen('news', () => undefined);
    await connection.close();
  }
  expect([redis.listenerCount('end'), redis.getMaxListeners()]).toEqual(before);
});

test('the leak warning for listeners of the application is kept', async () => {
  const { redis, warnings } = client();
  linkTo(redis);
  for (let added = 0; added < 30; added++) redis.on('ready', () => undefined);
  await warned();
  expect(warnings).toEqual([expect.stringContaining('ready listeners added')]);
});
