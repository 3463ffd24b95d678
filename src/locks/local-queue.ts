import type { RedisClient } from '../redis/index.js';
import { type Releases, releasesOn } from '../subscriptions/index.js';

interface ResourceQueue {
  /** Resolves when the last place of the queue has been left, and all before it. */
  tail: Promise<void>;
  readonly releases: Releases;
}

const queues = new WeakMap<RedisClient, Map<string, ResourceQueue>>();

/** A caller's place in the queue of this process for one lock. */
export interface Place {
  /** Resolves when all places before this one have been left. */
  readonly isFirst: Promise<void>;
  /** Releases of the lock by other processes. */
  readonly releases: Releases;
  leave(): void;
}

/**
 * Queues the callers of this process that want the same lock, so that only the first of them asks Redis: a release in
 * another process costs one command per process, however many callers wait here.
 */
export function joinQueue(redis: RedisClient, channel: string): Place {
  const ofClient = queues.get(redis) ?? new Map<string, ResourceQueue>();
  queues.set(redis, ofClient);
  const queue = ofClient.get(channel) ?? { tail: Promise.resolve(), releases: releasesOn(redis, channel) };
  ofClient.set(channel, queue);

  let leave!: () => void;
  const left = new Promise<void>((resolve) => (leave = resolve));
  const isFirst = queue.tail;
  const tail = isFirst.then(() => left);
  queue.tail = tail;
  void tail.then(() => {
    if (queue.tail !== tail) return;
    ofClient.delete(channel);
    queue.releases.stop();
  });
  return { isFirst, releases: queue.releases, leave };
}
