import { once } from 'node:events';
import type { Cluster, Redis } from 'ioredis';
import { connectAnother, type RedisClient } from '../redis/index.js';

const CLUSTER_PATIENCE_MS = 600;

/**
 * Opens another connection to the server of the client, and resolves when it is ready. In a Cluster it leads to one node,
 * because each node passes on the messages of all; another attempt takes another node, or another Sentinel.
 */
export async function dial(client: RedisClient, attempt: number): Promise<Redis> {
  const template = client.isCluster ? await nodeOf(client as Cluster, attempt) : (client as Redis);
  const { sentinels } = template.options;
  return connectAnother(template, 'subscriber', sentinels ? { sentinels: rotated(sentinels, attempt) } : {});
}

/** Whether the node has left the Cluster, so that the messages of the Cluster do not reach it. */
export function hasLeft(client: RedisClient, { options: { host, port } }: Redis): boolean {
  if (!client.isCluster) return false;
  const nodes = (client as Cluster).nodes();
  return nodes.length > 0 && !nodes.some(({ options }) => options.host === host && options.port === port);
}

async function nodeOf(cluster: Cluster, attempt: number): Promise<Redis> {
  if (cluster.status === 'wait') cluster.connect().catch(() => undefined);
  if (cluster.status !== 'ready') {
    const patience = AbortSignal.timeout(CLUSTER_PATIENCE_MS);
    await once(cluster, 'ready', { signal: patience }).catch(() => undefined);
  }
  const nodes = cluster.nodes('master');
  const node = nodes[attempt % nodes.length];
  if (!node) throw new Error('no node of the Cluster is connected');
  return node;
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
