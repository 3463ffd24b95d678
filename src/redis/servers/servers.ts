import type { Cluster, Command, Redis } from 'ioredis';
import type { RedisClient } from '../client.js';
import { ClusterConnection, NodeConnection, ownerOf } from './cluster-connection.js';
import { Availability, type AvailabilityContext } from './outage-detection.js';
import { ServerConnection } from './server-connection.js';

/** The servers behind a client, each with its own availability: a Cluster goes on without one of its nodes. */
export class Servers {
  /** The one server, or the Cluster as a whole. */
  readonly whole: Availability;
  readonly #connection: ServerConnection | ClusterConnection;
  readonly #nodes = new Map<string, Availability>();
  readonly #client: RedisClient;
  readonly #context: AvailabilityContext;

  constructor(client: RedisClient, context: AvailabilityContext) {
    this.#client = client;
    this.#context = context;
    this.#connection = client.isCluster
      ? new ClusterConnection(client as Cluster)
      : new ServerConnection(client as Redis);
    this.whole = new Availability(this.#connection, context);
  }

  /** Whether the application ended the client, as opposed to having lost its connection. */
  get closedByOwner(): boolean {
    return this.#connection.closedByOwner;
  }

  /** The server that a command goes to; undefined when a Cluster may send it to any node. */
  of(command: Command): Availability | undefined {
    const isAlone = !this.#client.isCluster || this.#client.status !== 'ready';
    if (isAlone || this.whole.outage) return this.whole;
    const slot = command.getSlot();
    const owner = typeof slot === 'number' ? ownerOf(this.#client as Cluster, slot) : undefined;
    return owner === undefined ? undefined : this.#node(owner);
  }

  retire(): void {
    for (const server of [this.whole, ...this.#nodes.values()]) server.retire();
  }

  #node(address: string): Availability {
    let node = this.#nodes.get(address);
    if (!node) {
      node = new Availability(new NodeConnection(this.#client as Cluster, address), this.#context);
      this.#nodes.set(address, node);
    }
    return node;
  }
}
