import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis, type RedisClient } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';
import { subscriberConnectionOf } from '../../src/subscriptions/subscriber-connection.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import type { TestRedis } from '../support/redis.js';
import { startSentinel } from '../support/sentinel.js';
import { sized } from '../support/size.js';
import { recordingLogger } from './clients.js';
import { serveWhatIsLeft } from './cluster-clients.js';

async function listening(client: RedisClient) {
  linkTo(client, recordingLogger());
  onTestFinished(() => closeRedis(client, { timeoutMs: 100 }));
  const connection = subscriberConnectionOf(client);
  const heard: string[] = [];
  const events: string[] = [];
  connection.onGap(() => events.push('gap'));
  connection.onRestored(() => events.push('restored'));
  await connection.listen('orders', (text) => heard.push(text), { timeoutMs: 10_000 });
  return { connection, heard, events };
}

async function ask<T>(node: TestRedis, run: (direct: Redis) => Promise<T>): Promise<T> {
  const direct = new Redis(node.url);
  try {
    return await run(direct);
  } finally {
    direct.disconnect();
  }
}

const publishTo = (node: TestRedis, text: string) => ask(node, (direct) => direct.publish('orders', text));

async function cluster(): Promise<TestCluster> {
  const started = await startCluster();
  onTestFinished(() => started.stop());
  await serveWhatIsLeft(started);
  return started;
}

async function nodeListenedTo({ nodes }: TestCluster): Promise<TestRedis> {
  for (const node of nodes) {
    const list = (await ask(node, (direct) => direct.client('LIST', 'TYPE', 'PUBSUB'))) as string;
    if (list.trim() !== '') return node;
  }
  throw new Error('nobody listens anywhere');
}

test('the subscriber connection moves to another node when its node of the Cluster dies', async () => {
  const nodes = await cluster();
  const { heard, events } = await listening(new Cluster(nodes.addresses));
  const dying = await nodeListenedTo(nodes);
  await dying.kill();
  await eventually('it listens again', () => events.at(-1) === 'restored', { withinMs: 15_000 });
  expect(events).toEqual(['gap', 'restored']);
  const [one, two] = nodes.nodes.filter((node) => node !== dying) as [TestRedis, TestRedis];
  await publishTo(one, 'by one');
  await publishTo(two, 'by two');
  await eventually('both have arrived', () => heard.length === 2);
});

const leavings = sized({ quick: [], full: ['listens by way of another'] });
test.each(leavings)(
  'when its node leaves the Cluster and keeps running, the subscriber connection %s',
  async () => {
    const nodes = await cluster();
    const client = new Cluster(nodes.addresses, { slotsRefreshInterval: 200 });
    const { heard, events } = await listening(client);
    const leaving = await nodeListenedTo(nodes);
    const id = (await ask(leaving, (direct) => direct.cluster('MYID'))) as string;
    const others = nodes.nodes.filter((node) => node !== leaving);
    await handSlotsOver(leaving, others);
    for (const other of others) await ask(other, (direct) => direct.call('CLUSTER', 'FORGET', id));
    await ask(leaving, (direct) => direct.call('CLUSTER', 'RESET', 'HARD'));
    await eventually('it listens again', () => events.at(-1) === 'restored', { withinMs: 15_000 });
    await publishTo(others[0]!, 'without it');
    await eventually('it has arrived', () => heard.includes('without it'));
  },
);

async function handSlotsOver(leaving: TestRedis, others: readonly TestRedis[]): Promise<void> {
  const heir = (await ask(others[0]!, (direct) => direct.cluster('MYID'))) as string;
  const slots = (await ask(leaving, (direct) => direct.call('CLUSTER', 'SLOTS'))) as [
    number,
    number,
    [string, number],
  ][];
  for (const [first, last] of slots.filter(([, , [, port]]) => port === leaving.port)) {
    for (const node of [others[0]!, leaving, ...others.slice(1)]) {
      await ask(node, (direct) => {
        const pipeline = direct.pipeline();
        for (let slot = first; slot <= last; slot++) pipeline.call('CLUSTER', 'SETSLOT', slot, 'NODE', heir);
        return pipeline.exec();
      });
    }
  }
}

test('the subscriber connection leaves a frozen primary for the newly elected one, past a dead Sentinel', async () => {
  const sentinel = await startSentinel();
  onTestFinished(() => sentinel.stop());
  const deaf = await startProxy(sentinel.sentinels[0]!.port);
  onTestFinished(() => deaf.close());
  const client = connectRedis({
    sentinels: [...sentinel.sentinels, { host: '127.0.0.1', port: deaf.port }],
    name: sentinel.name,
    updateSentinels: false,
    logger: recordingLogger(),
  });
  const { connection, heard, events } = await listening(client);
  deaf.swallow();
  sentinel.primary.freeze();
  onTestFinished(() => sentinel.primary.thaw());
  await eventually('it listens again', () => connection.isHealthy() && events.at(-1) === 'restored', {
    withinMs: 15_000,
  });
  await eventually(
    'it hears the new primary',
    async () => (await publishTo(sentinel.replica, 'elected')) > 0 && heard.includes('elected'),
    { withinMs: 15_000 },
  );
});
