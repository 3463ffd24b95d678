import { Redis } from 'ioredis';
import { freePort } from '../../server/services/free-port.js';
import { eventually } from './eventually.js';
import { startRedis, type TestRedis } from './redis.js';

const SLOTS = 16_384;
const MASTERS = 3;

export interface TestCluster {
  nodes: TestRedis[];
  /** What `new Cluster(addresses)` takes. */
  addresses: { host: string; port: number }[];
  stop(): Promise<void>;
}

/** A Redis Cluster of three masters, ready for commands. */
export async function startCluster(): Promise<TestCluster> {
  const nodes = await Promise.all(Array.from({ length: MASTERS }, startNode));
  const clients = nodes.map(({ url }) => new Redis(url));
  await joinNodes(nodes, clients);
  for (const client of clients) client.disconnect();
  return {
    nodes,
    addresses: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function startNode(): Promise<TestRedis> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'];
  // The default bus port, 10000 above, may be somebody else's.
  return startRedis({ args: [...args, '--cluster-port', `${await freePort()}`] });
}

async function busPort(client: Redis): Promise<string> {
  const [, port] = (await client.config('GET', 'cluster-port')) as string[];
  return port!;
}

async function joinNodes(nodes: TestRedis[], clients: Redis[]): Promise<void> {
  const share = Math.ceil(SLOTS / MASTERS);
  await Promise.all(
    clients.map(async (client, index) => {
      const last = Math.min((index + 1) * share, SLOTS) - 1;
      await client.call('CLUSTER', 'ADDSLOTSRANGE', index * share, last);
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    }),
  );
  const [first, ...others] = clients;
  for (const [index, other] of others.entries()) {
    await first!.call('CLUSTER', 'MEET', '127.0.0.1', nodes[index + 1]!.port, await busPort(other));
  }
  await eventually(
    'all nodes serve all slots',
    async () => {
      const states = await Promise.all(clients.map((client) => client.cluster('INFO')));
      return states.every(
        (state) => state.includes('cluster_state:ok') && state.includes(`cluster_slots_ok:${SLOTS}`),
      );
    },
    { withinMs: 15_000 },
  );
}
