import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RedisClient } from '../../src/redis/connect.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import type { TestRedis } from '../support/redis.js';
import { sized } from '../support/size.js';
import {
  clusterIsWhole,
  connectionsTo,
  everyClusterClient,
  keyOn,
  serveWhatIsLeft,
} from './cluster-clients.js';
import { TOLERANCE_MS, timed } from './timed.js';

const OUTAGE_MS = sized({ quick: 2_500, full: 12_000 });

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
  await serveWhatIsLeft(cluster);
});
afterAll(() => cluster.stop());

function disconnectAll(clients: { client: RedisClient }[]): void {
  for (const { client } of clients) client.disconnect();
}

const FAULTS: Record<string, (node: TestRedis) => void | Promise<void>> = {
  frozen: (node) => node.freeze(),
  killed: (node) => node.kill(),
};
const RETURNS: Record<string, (node: TestRedis) => void | Promise<void>> = {
  frozen: (node) => node.thaw(),
  killed: (node) => node.restart(),
};

describe.each(Object.keys(FAULTS))('with a node of the Cluster %s', (fault) => {
  test('its keys fail within the deadline, keys of other nodes are served, and it is back within 1 s', async () => {
    const clients = await everyClusterClient(cluster);
    const [lost, ...others] = cluster.nodes as [TestRedis, ...TestRedis[]];
    onTestFinished(() => disconnectAll(clients));
    const served = clients.map(({ client }) => others.map(({ port }) => keyOn(client, port)));
    const unserved = clients.map(({ client }) => keyOn(client, lost.port));
    for (const [index, { client }] of clients.entries()) {
      for (const key of [...served[index]!, unserved[index]!])
        expect((await timed(client, key)).kind).toBe('answered');
    }
    await FAULTS[fault]!(lost);
    // Whatever comes of this test, the next finds the Cluster whole.
    onTestFinished(async () => {
      if (!mended) await RETURNS[fault]!(lost);
    });
    let mended = false;
    const surprises: string[] = [];
    const end = performance.now() + OUTAGE_MS;
    // The first failure is waited for; after it the node is not asked.
    let known = false;
    while (performance.now() < end) {
      await Promise.all(
        clients.map(async ({ name, client }, index) => {
          const missing = timed(client, unserved[index]!);
          for (const { kind, tookMs } of await Promise.all(served[index]!.map((key) => timed(client, key)))) {
            if (kind !== 'answered') surprises.push(`${name}, another node: ${kind} ${tookMs}`);
          }
          const { kind, tookMs, lateMs, atOnce } = await missing;
          if (kind !== 'unavailable' || lateMs > TOLERANCE_MS || (known && !atOnce)) {
            surprises.push(`${name}, the node: ${kind} ${tookMs}`);
          }
        }),
      );
      known = true;
      await sleep(20);
    }
    expect(surprises).toEqual([]);

    await RETURNS[fault]!(lost);
    mended = true;
    // A node that restarts refuses to serve until the others have heard of it.
    await clusterIsWhole(cluster);
    await Promise.all(
      clients.map(({ name, client }, index) =>
        eventually(
          `${name}: the node serves again`,
          async () => (await timed(client, unserved[index]!)).kind === 'answered',
          {
            withinMs: 1_000,
          },
        ),
      ),
    );
    const logs = clients.map(({ name, logger }) => [name, logger.lines.map(({ level }) => level)]);
    expect(logs).toEqual(clients.map(({ name }) => [name, ['error', 'info']]));

    for (const { client } of clients) client.disconnect();
    await eventually(
      'no connection to the node is left behind',
      async () => (await connectionsTo(lost.port)) === 0,
    );
  });
});

test.each(Object.keys(FAULTS))(
  'a Cluster whose nodes are all %s is waited for once, and back within 1 s',
  async (fault) => {
    const clients = await everyClusterClient(cluster);
    onTestFinished(() => disconnectAll(clients));
    await Promise.all(clients.map(({ client }) => timed(client, 'key')));
    await Promise.all(cluster.nodes.map((node) => FAULTS[fault]!(node)));
    const late: string[] = [];
    const end = performance.now() + OUTAGE_MS;
    let known = false;
    while (performance.now() < end) {
      await Promise.all(
        clients.map(async ({ name, client }) => {
          const { kind, tookMs, lateMs, atOnce } = await timed(client, 'key');
          if (kind !== 'unavailable' || lateMs > TOLERANCE_MS || (known && !atOnce)) {
            late.push(`${name}: ${kind} ${tookMs}`);
          }
        }),
      );
      known = true;
      await sleep(20);
    }
    expect(late).toEqual([]);
    await Promise.all(cluster.nodes.map((node) => RETURNS[fault]!(node)));
    await clusterIsWhole(cluster);
    await Promise.all(
      clients.map(({ name, client }) =>
        eventually(`${name}: served again`, async () => (await timed(client, 'key')).kind === 'answered', {
          withinMs: 1_000,
        }),
      ),
    );
    // The node that was asked, and the Cluster as a whole.
    await eventually('the log says of each what was lost that it is back', () =>
      clients.every(({ logger }) => {
        const errors = logger.lines.filter(({ level }) => level === 'error').length;
        return errors >= 1 && errors <= 2 && logger.lines.length === 2 * errors;
      }),
    );
  },
);
