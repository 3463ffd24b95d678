import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { ToolkitError } from '../../src/errors.js';
import { linkTo } from '../../src/redis/link.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import type { TestRedis } from '../support/redis.js';
import { clusterIsWhole, everyClusterClient, keyOn } from './cluster-clients.js';
import { timed } from './timed.js';

const DOWN_MS = 1_500;

// As Redis sets it up: without all of its hash slots the Cluster serves none.
let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

test('while a Cluster is down only the first requests wait, and it is back within 1 s', async () => {
  const clients = await everyClusterClient(cluster);
  const [lost, other] = cluster.nodes as [TestRedis, TestRedis];
  const observer = new Redis(other.url);
  onTestFinished(() => {
    observer.disconnect();
    for (const { client } of clients) client.disconnect();
  });
  const keys = clients.map(({ client }) => keyOn(client, other.port));
  await Promise.all(clients.map(({ client }, index) => timed(client, keys[index]!)));
  await lost.kill();
  await eventually(
    'the Cluster is down',
    async () => ((await observer.cluster('INFO')) as string).includes('cluster_state:fail'),
    { withinMs: 10_000 },
  );

  const surprises: string[] = [];
  const ask = async (round: number) => {
    await Promise.all(
      clients.map(async ({ name, client }, index) => {
        const { kind, tookMs, atOnce } = await timed(client, keys[index]!);
        if (kind !== 'unavailable' || !atOnce) surprises.push(`${name}, ${round}: ${kind} in ${tookMs} ms`);
      }),
    );
    await sleep(20);
  };
  const end = performance.now() + DOWN_MS;
  for (let round = 0; performance.now() < end; round++) await ask(round);
  expect(surprises).toEqual([]);

  await lost.restart();
  await clusterIsWhole(cluster);
  await Promise.all(
    clients.map(({ name, client }, index) =>
      eventually(
        `${name}: served again`,
        async () => (await timed(client, keys[index]!)).kind === 'answered',
        {
          withinMs: 1_000,
        },
      ),
    ),
  );
  for (const { name, logger } of clients) {
    const messages = logger.lines.map(({ message }) => message.replace(/after \d+ ms/, 'after a time'));
    expect([name, messages]).toEqual([
      name,
      [
        'Redis is unavailable; until it answers again each middleware follows its onUnavailable',
        'Redis is available again after a time',
      ],
    ]);
  }
});

test('a command with several keys waits within its deadline while their hash slot moves', async () => {
  const [{ client }] = (await everyClusterClient(cluster)) as [
    Awaited<ReturnType<typeof everyClusterClient>>[0],
  ];
  const [from, to] = cluster.nodes as [TestRedis, TestRedis];
  const [source, target] = [new Redis(from.url), new Redis(to.url)];
  onTestFinished(() => {
    for (const one of [source, target, client]) one.disconnect();
  });
  const link = linkTo(client);
  const key = keyOn(client, from.port);
  const [there, missing] = [`{${key}}:there`, `{${key}}:missing`];
  await link.send('set', [there, 'value'], { timeoutMs: 1_000 });
  const hashSlot = (await source.cluster('KEYSLOT', key)) as number;
  const [sourceId, targetId] = (await Promise.all([
    source.cluster('MYID'),
    target.cluster('MYID'),
  ])) as string[];
  await target.cluster('SETSLOT', hashSlot, 'IMPORTING', sourceId!);
  await source.cluster('SETSLOT', hashSlot, 'MIGRATING', targetId!);

  const read = (timeoutMs: number) => link.send<(string | null)[]>('mget', [there, missing], { timeoutMs });
  const error = await read(100).catch((failure: ToolkitError) => failure);
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  expect(link.outage).toBeUndefined();

  const answer = read(2_000);
  await sleep(300);
  await source.migrate('127.0.0.1', to.port, there, 0, 1_000);
  for (const node of [target, source]) await node.cluster('SETSLOT', hashSlot, 'NODE', targetId!);
  const moved = performance.now();
  expect(await answer).toEqual(['value', null]);
  expect(performance.now() - moved).toBeLessThan(150);
  await target.cluster('SETSLOT', hashSlot, 'NODE', targetId!);
});
