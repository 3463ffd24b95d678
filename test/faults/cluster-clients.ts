import { Cluster, type ClusterOptions, Command, Redis } from 'ioredis';
import type { Logger } from '../../src/logger.js';
import { linkTo } from '../../src/redis/link.js';
import type { TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { type LogLine, recordingLogger } from './clients.js';

const SETTINGS: Record<string, ClusterOptions> = {
  'ioredis defaults': {},
  'no offline queue': { enableOfflineQueue: false },
  'no reconnecting': { clusterRetryStrategy: () => null },
  'reconnecting after 10 s': { clusterRetryStrategy: () => 10_000 },
  'nodes retried': { clusterNodeRetryStrategy: (attempt) => attempt * 100 },
  'auto-pipelining': { enableAutoPipelining: true },
  'a key prefix': { keyPrefix: 'shop:' },
};

export interface ClusterClient {
  name: string;
  client: Cluster;
  logger: Logger & { lines: LogLine[] };
}

/** A Cluster client of every kind that an owner may bring, ready. */
export async function everyClusterClient({ addresses }: TestCluster): Promise<ClusterClient[]> {
  const clients = Object.entries(SETTINGS).map(([name, options]) => {
    const client = new Cluster(addresses, options);
    const logger = recordingLogger();
    linkTo(client, logger);
    return { name, client, logger };
  });
  await eventually('the clients are ready', () => clients.every(({ client }) => client.status === 'ready'));
  return clients;
}

/** A key that lives on the node with this port. */
export function keyOn(client: Cluster, port: number): string {
  const { slots } = client as unknown as { slots: string[][] };
  for (let i = 0; ; i++) {
    const key = `key-${i}`;
    const slot = new Command('get', [key], { keyPrefix: client.options.keyPrefix ?? '' }).getSlot();
    if (slots[slot!]?.[0]?.endsWith(`:${port}`)) return key;
  }
}

/** Otherwise all nodes refuse to serve when the slots of one are gone. */
export async function serveWhatIsLeft({ nodes }: TestCluster): Promise<void> {
  for (const { url } of nodes) {
    const node = new Redis(url);
    await node.config('SET', 'cluster-require-full-coverage', 'no');
    node.disconnect();
  }
}

export async function connectionsTo(port: number): Promise<number> {
  const observer = new Redis({ host: '127.0.0.1', port });
  const list = (await observer.client('LIST')) as string;
  observer.disconnect();
  return list.split('\n').filter((line) => / flags=N /.test(line)).length - 1;
}

export async function clusterIsWhole({ nodes }: TestCluster): Promise<void> {
  const observers = nodes.map(({ url }) => new Redis(url));
  await eventually(
    'all nodes serve',
    async () => {
      const states = await Promise.all(observers.map((node) => node.cluster('INFO')));
      return states.every(
        (state) => state.includes('cluster_state:ok') && /cluster_slots_ok:16384/.test(state),
      );
    },
    { withinMs: 15_000 },
  );
  for (const observer of observers) observer.disconnect();
}
