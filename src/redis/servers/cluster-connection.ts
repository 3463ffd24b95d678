import { type Cluster, Command, type Redis } from 'ioredis';
import { addListener } from '../../listeners.js';
import { clearTimeout, setTimeout } from '../../timers.js';
import type { RedisClient } from '../client.js';
import { COMMANDS_FAIL, type Server } from './outage-detection.js';
import { probeConnection, reconnectNow, replaceSocket } from './server-connection.js';

/** Members of ioredis' Cluster that its types do not declare. */
interface ClusterInternals {
  readonly slots: readonly (readonly string[] | undefined)[];
  readonly manuallyClosing?: boolean;
  refreshSlotsCache(callback: (error?: Error) => void): void;
}

const internals = (cluster: Cluster) => cluster as unknown as ClusterInternals;

/** The primary that owns a slot, as `host:port`. */
export function ownerOf(cluster: Cluster, slot: number): string | undefined {
  return internals(cluster).slots[slot]?.[0];
}

/** The primaries that own slots, as `host:port`. */
export function ownersOf(cluster: Cluster): Set<string> {
  return new Set(internals(cluster).slots.flatMap((nodes) => nodes?.[0] ?? []));
}

/** The hash slot of a key in a Cluster. */
export function hashSlotOf(client: RedisClient, key: string): number {
  return new Command('get', [key], { keyPrefix: client.options.keyPrefix ?? '' }).getSlot()!;
}

/** The connection to the primary that owns a slot. */
export function nodeServing(cluster: Cluster, slot: number): Redis | undefined {
  const owner = ownerOf(cluster, slot);
  return owner === undefined ? undefined : nodeAt(cluster, owner);
}

function nodeAt(cluster: Cluster, address: string): Redis | undefined {
  return cluster.nodes('master').find(({ options }) => `${options.host}:${options.port}` === address);
}

/** The connection to a Cluster as a whole. It is lost when no node answers. */
export class ClusterConnection implements Server {
  readonly name = 'the Cluster';
  readonly trouble = COMMANDS_FAIL;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async probe(patienceMs: number): Promise<boolean> {
    const { status } = this.#cluster;
    // The client's own clusterRetryStrategy may wait long, or give up. ioredis also stays in "close" after it has
    // dropped the last node.
    const lost = status === 'reconnecting' || status === 'end' || status === 'close';
    if (lost && !this.closedByOwner) reconnectNow(this.#cluster);
    if (status === 'connecting' || status === 'connect') await settlesStatus(this.#cluster, patienceMs);
    return this.#cluster.status === 'ready' && (await servesSlots(this.#cluster, patienceMs));
  }

  replaceConnection(): void {
    for (const node of this.#cluster.nodes()) replaceSocket(node);
  }

  get closedByOwner(): boolean {
    return internals(this.#cluster).manuallyClosing === true;
  }
}

/**
 * The connection to a node of a Cluster, by its address: ioredis drops the client of a node that it lost, and makes
 * another when it next reads the table of hash slots.
 */
export class NodeConnection implements Server {
  readonly name: string;
  readonly trouble = COMMANDS_FAIL;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, address: string) {
    this.#cluster = cluster;
    this.name = address;
  }

  async probe(patienceMs: number): Promise<boolean> {
    if (this.#cluster.status !== 'ready') return false;
    const node = this.#node();
    if (node) return probeConnection(node, patienceMs);
    // A node that has left the Cluster is not asked any more, so its outage is over.
    return (await refreshSlots(this.#cluster)) && this.#node() === undefined;
  }

  replaceConnection(): void {
    const node = this.#node();
    if (node) replaceSocket(node);
  }

  #node(): Redis | undefined {
    return nodeAt(this.#cluster, this.name);
  }
}

function refreshSlots(cluster: Cluster): Promise<boolean> {
  return new Promise((resolve) => {
    internals(cluster).refreshSlotsCache((error) => resolve(!error));
  });
}

/** Resolves when the client is connected or not, at the latest after the patience. */
function settlesStatus(cluster: Cluster, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const remove of listeners) remove();
      resolve();
    };
    const timer = setTimeout(done, patienceMs);
    timer.unref();
    const listeners = [addListener(cluster, 'ready', done), addListener(cluster, 'close', done)];
  });
}

/**
 * Whether a node says that the Cluster is up: it is down for everybody while a primary without a replica is gone
 * (`cluster-require-full-coverage`), or a failover is going on. Then the client also learns who serves which slots now.
 */
async function servesSlots(cluster: Cluster, patienceMs: number): Promise<boolean> {
  const answers = cluster.nodes('master').map((node) => clusterState(node, patienceMs));
  const isUp = await Promise.any(answers).catch(() => false);
  return isUp && refreshSlots(cluster);
}

/** Whether the node sees the Cluster up; rejects when it does not answer. */
function clusterState(node: Redis, patienceMs: number): Promise<boolean> {
  const command = new Command('cluster', ['info'], { replyEncoding: 'utf8' });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), patienceMs);
    timer.unref();
    if (node.status === 'ready') node.sendCommand(command);
    else command.reject(new Error('not connected'));
    command.promise
      .then((info) => resolve(!`${info}`.includes('cluster_state:fail')))
      // An ACL that forbids CLUSTER INFO leaves the answer to the commands themselves.
      .catch((error: Error) => (error.name === 'ReplyError' ? resolve(true) : reject(error)))
      .finally(() => clearTimeout(timer));
  });
}
