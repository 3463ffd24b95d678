import { Redis } from 'ioredis';
import { freePort } from '../../src/testing/free-port.js';
import { eventually } from './eventually.js';
import { startRedis, type TestRedis } from './redis.js';

const SLOTS = 16_384;
const MASTERS = 3;

export interface TestCluster {
  nodes: TestRedis[];
  /** What `new Cluster(addresses)` takes. */
  addresses: { host: string; port: number }[];
  /** A further node that follows one of the masters. */
  addReplica(master: TestRedis): Promise<TestRedis>;
  stop(): Promise<void>;
}

/** A Redis Cluster of three masters, ready for commands. */
export async function startCluster(): Promise<TestCluster> {
  const nodes = await Promise.all(Array.from({ length: MASTERS }, startNode));
  const replicas: TestRedis[] = [];
  const clients = nodes.map(({ url }) => new Redis(url));
  await joinNodes(nodes, clients);
  for (const client of clients) client.disconnect();
  return {
    nodes,
    addresses: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    async addReplica(master) {
      const replica = await startNode();
      replicas.push(replica);
      await follow(replica, master);
      return replica;
    },
    async stop() {
      await Promise.all([...nodes, ...replicas].map((node) => node.stop()));
    },
  };
}

async function follow(replica: TestRedis, master: TestRedis): Promise<void> {
  const [own, other] = [new Redis(replica.url), new Redis(master.url)];
  const id = (await other.cluster('MYID')) as string;
  await own.call('CLUSTER', 'MEET', '127.0.0.1', master.port, await busPort(other));
  const known = async () => ((await own.cluster('NODES')) as string).includes(id);
  await eventually('the replica knows its master', known, { withinMs: 15_000 });
  await own.cluster('REPLICATE', id);
  for (const client of [own, other]) client.disconnect();
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
