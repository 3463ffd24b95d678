import express from 'express';
import { Cluster, Redis } from 'ioredis';
import request from 'supertest';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/index.js';
import { ops } from '../../../middleware/ops/index.js';
import { rateLimit } from '../../../middleware/rate-limit/index.js';
import { run } from '../../../src/cli/run.js';
import { withLock } from '../../../src/locks/index.js';
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
  const memory = await Promise.all(
    redis
      .nodes('master')
      .map(async (node) => Number(/used_memory:(\d+)/.exec(await node.info('memory'))![1])),
  );
  const shown = (await state()).redis.memoryBytes;
  expect(shown / memory.reduce((sum, bytes) => sum + bytes)).toBeCloseTo(1, 0);
  expect(shown).toBeGreaterThan(2 * Math.min(...memory));
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

/** Runs a command line that knows one node of the Cluster. */
async function cli(...words: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const streams = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
  };
  const code = await run(['--redis', servers.nodes[0]!.url, '--key-prefix', 'kp:', ...words], streams);
  return { code, out: out.join(''), err: err.join('') };
}

test('the command line finds the whole Cluster from one node', async () => {
  const app = appOn(redis);
  const visit = () => request(app).get('/limited').set('Host', 'shop.example');
  await visit();
  expect((await cli('limits', 'list')).out).toContain('1m');
  // Clients on every node.
  for (const client of ['me', 'a', 'b', 'c']) {
    expect(await cli('limits', 'block', client, '1m')).toMatchObject({ code: 0, err: '' });
    expect(await cli('limits', 'show', client)).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/60 s|59 s/),
    });
  }
  expect((await visit()).status).toBe(429);
  expect(await cli('limits', 'reset', 'me')).toMatchObject({ code: 0, err: '' });
  const resources = ['a', 'b', 'c', 'd', 'e', 'f'];
  const listed = await resources.reduce<() => Promise<unknown>>(
    (inner, resource) => () => withLock(redis, resource, { ttlMs: 10_000 }, inner),
    async () => JSON.parse((await cli('locks', 'list', '--json')).out),
  )();
  expect(listed).toMatchObject(resources.map((resource) => ({ resource })));
  const examined = await cli('doctor', '--json');
  const found: { check: string; server?: string }[] = JSON.parse(examined.out);
  const addresses = servers.addresses.map(({ host, port }) => `${host}:${port}`);
  expect(found.filter(({ check }) => check === 'eviction').map(({ server }) => server)).toEqual(
    expect.arrayContaining(addresses),
  );
  expect(found[0]).toMatchObject({ check: 'cluster', level: 'ok' });
  expect((await cli('doctor')).out).toContain(`eviction of ${addresses[1]}: maxmemory`);
});

test('in a Cluster a process that is connected to any node and does not answer is silent, and has gone when it disconnects', async () => {
  const { state } = await operator(appOn(redis));
  const names = servers.nodes.map((_, node) => `host:${node}:ghost`);
  const ghosts = servers.nodes.map(({ url }) => new Redis(url));
  onTestFinished(() => {
    for (const ghost of ghosts) ghost.disconnect();
  });
  for (const [node, ghost] of ghosts.entries()) await ghost.subscribe(`kp:ops-process:${names[node]}`);
  const silent = async () =>
    ((await state()).processes as { id: string; isSilent: boolean }[])
      .filter(({ isSilent }) => isSilent)
      .map(({ id }) => id);
  await expect.poll(silent, { timeout: 5_000 }).toEqual(names);
  ghosts[1]!.disconnect();
  await expect.poll(silent, { timeout: 3_000 }).toEqual([names[0], names[2]]);
});

test('in a Cluster a process that listened at a node that is no primary any more is silent, not gone', async () => {
  const { state } = await operator(appOn(redis));
  const [own] = (await state()).processes;
  const report = {
    ...own,
    counts: { limits: [], routes: [], fallbacks: [], clients: [], totals: {} },
    ...{ limiters: [], locks: [], outages: [], actions: [] },
  };
  const ids = ['host:1:demoted', 'host:1:dead'];
  for (const [position, id] of ids.entries()) {
    const listensAt = position === 0 ? 'localhost:1' : Object.values(servers.addresses[0]!).join(':');
    await redis.publish('kp:ops-report:', JSON.stringify({ ...report, id, listensAt }));
  }
  const seen = async () =>
    ((await state()).processes as { id: string; isSilent: boolean }[])
      .filter(({ id }) => ids.includes(id))
      .map(({ id, isSilent }) => [id, isSilent]);
  await expect.poll(seen, { timeout: 5_000 }).toEqual([[ids[0], true]]);
});
