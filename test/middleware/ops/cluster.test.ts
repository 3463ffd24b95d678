import express from 'express';
import { Cluster } from 'ioredis';
import request from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/index.js';
import { ops } from '../../../middleware/ops/index.js';
import { rateLimit } from '../../../middleware/rate-limit/index.js';
import { closeRedis } from '../../../src/redis/connect.js';
import { startCluster, type TestCluster } from '../../support/cluster.js';
import { eventually } from '../../support/eventually.js';
import { patient } from '../../support/patient.js';
import { operator, quiet } from './support/ops-client.js';

let servers: TestCluster;
let redis: Cluster;
let second: Cluster;
beforeAll(async () => {
  servers = await startCluster();
  const keyPrefix = 'kp:';
  [redis, second] = [0, 1].map(() => patient(new Cluster(servers.addresses, { keyPrefix }))) as [
    Cluster,
    Cluster,
  ];
}, 60_000);
afterAll(async () => {
  await closeRedis(redis);
  await closeRedis(second);
  await servers.stop();
});

function appOn(client: Cluster) {
  const common = { redis: client, logger: quiet };
  const app = express();
  app.use('/ops', ops({ ...common, authorize: () => 'ada' }));
  app.get(
    '/limited',
    rateLimit({ ...common, limit: 3, keyGenerator: () => 'me' }),
    (_req, res) => void res.send('ok'),
  );
  let made = 0;
  app.get(
    '/cached',
    cacheResponse({ ...common, ttlSeconds: 60 }),
    (_req, res) => void res.send(`answer ${++made}`),
  );
  return app;
}

test('in a Cluster with a keyPrefix, one looks at the processes and acts on clients and the cache', async () => {
  const [app, other] = [appOn(redis), appOn(second)];
  const { state, get, post } = await operator(app);
  const visit = async (path: string, from = app) => request(from).get(path).set('Host', 'shop.example');
  expect((await visit('/limited')).status).toBe(200);
  await eventually('the state', async () => {
    const { redis: health, limits, processes } = await state();
    return health.isAvailable && limits[0]?.admitted === 1 && processes[0]?.isOwn;
  });
  const on = { limiter: '1m', client: 'me' };
  await post('limits/block', { ...on, seconds: 60 }).expect(200);
  expect((await visit('/limited', other)).status).toBe(429);
  expect((await get('limits', on)).body.blockedMs).toBeGreaterThan(50_000);
  await post('limits/reset', on).expect(200);
  await eventually('admitted again', async () => (await visit('/limited', other)).status === 200);

  expect([(await visit('/cached')).text, (await visit('/cached')).text]).toEqual(['answer 1', 'answer 1']);
  const inspect = async () => (await get('cache', { entry: 'http://shop.example/cached' })).body.entries;
  expect(await inspect()).toMatchObject([{ reasons: [] }]);
  await post('cache/purge', { urls: ['/cached'] }).expect(200);
  expect((await inspect())[0].reasons).toHaveLength(1);
  expect((await visit('/cached')).text).toBe('answer 2');
});
