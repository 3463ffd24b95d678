import { type Cluster, Command, type Redis } from 'ioredis';
import type { RedisClient } from '../client.js';
import { COMMANDS_FAIL, type Server } from './availability.js';
import { probeConnection, reconnectNow } from './server-connection.js';

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

  async probe(): Promise<boolean> {
    const { status } = this.#cluster;
    // The client's own clusterRetryStrategy may wait long, or give up. ioredis also stays in "close" after it has
    // dropped the last node.
    const lost = status === 'reconnecting' || status === 'end' || status === 'close';
    if (lost && !this.closedByOwner) reconnectNow(this.#cluster);
    return status === 'ready';
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

  async probe(): Promise<boolean> {
    if (this.#cluster.status !== 'ready') return false;
    const node = this.#node();
    if (node) return probeConnection(node);
    // A node that has left the Cluster is not asked any more, so its outage is over.
    return (await this.#refreshSlots()) && this.#node() === undefined;
  }

  #node(): Redis | undefined {
    return nodeAt(this.#cluster, this.name);
  }

  #refreshSlots(): Promise<boolean> {
    return new Promise((resolve) => {
      internals(this.#cluster).refreshSlotsCache((error) => resolve(!error));
    });
  }
}
