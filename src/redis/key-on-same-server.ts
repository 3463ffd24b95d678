import type { Cluster } from 'ioredis';
import type { RedisClient } from './client.js';
import { unavailable } from './failures.js';
import { hashSlotOf, ownerOf, ownersOf } from './servers/cluster-connection.js';

// A Cluster has at most 1,000 nodes by its specification; a number that lies on a given node is mostly found among as
// many as there are nodes.
const MOST_NUMBERS = 10_000;

/**
 * Finds, for the server that holds a key, the first number whose numbered key lies on that server too. Every process
 * that sees the same owners of hash slots finds the same number. Without a Cluster there is one server, with number 0.
 */
export class NumbersOnServers {
  readonly #client: RedisClient;
  readonly #numberedKey: (number: number) => string;
  readonly #known = new Map<string, number>();

  constructor(client: RedisClient, numberedKey: (number: number) => string) {
    this.#client = client;
    this.#numberedKey = numberedKey;
  }

  of(key: string): number {
    if (!this.#client.isCluster) return 0;
    const owner = this.#ownerOf(key);
    if (owner === undefined) return 0;
    const known = this.#known.get(owner);
    // Hash slots move between servers.
    if (known !== undefined && this.#ownerOf(this.#numberedKey(known)) === owner) return known;
    const number = this.#search(owner);
    this.#known.set(owner, number);
    return number;
  }

  #search(owner: string): number {
    for (let number = 0; number < MOST_NUMBERS; number++) {
      if (this.#ownerOf(this.#numberedKey(number)) === owner) return number;
    }
    return 0;
  }

  #ownerOf(key: string): string | undefined {
    return ownerOf(this.#client as Cluster, hashSlotOf(this.#client, key));
  }
}

/** For commands without a key: a `routeBy` for each server that owns slots, by its address. @throws ToolkitError `REDIS_UNAVAILABLE` */
export function routeToEachServer(client: RedisClient): Map<string, string> {
  if (!client.isCluster) return new Map([['', '']]);
  const owners = ownersOf(client as Cluster);
  if (owners.size === 0) throw unavailable('the Cluster is not connected');
  const routes = new Map<string, string>();
  for (let number = 0; number < MOST_NUMBERS && routes.size < owners.size; number++) {
    const key = String(number);
    const owner = ownerOf(client as Cluster, hashSlotOf(client, key));
    if (owner !== undefined && !routes.has(owner)) routes.set(owner, key);
  }
  return routes;
}
