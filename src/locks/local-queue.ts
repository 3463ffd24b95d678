import type { RedisClient } from '../redis/index.js';
import { type Releases, releasesOn } from '../subscriptions/index.js';

interface Line {
  /** Resolves when the last of the line has left, and all before. */
  tail: Promise<void>;
  readonly releases: Releases;
}

const lines = new WeakMap<RedisClient, Map<string, Line>>();

export interface Place {
  /** Resolves when all who came before have left. */
  readonly turn: Promise<void>;
  /** What those in this line hear of releases by others. */
  readonly releases: Releases;
  leave(): void;
}

/**
 * Queues those of this process who want the same lock, so that only the first of them asks Redis: a release in another
 * process costs one command per process, however many wait here.
 */
export function joinLine(redis: RedisClient, channel: string): Place {
  const ofClient = lines.get(redis) ?? new Map<string, Line>();
  lines.set(redis, ofClient);
  const line = ofClient.get(channel) ?? { tail: Promise.resolve(), releases: releasesOn(redis, channel) };
  ofClient.set(channel, line);

  let leave!: () => void;
  const left = new Promise<void>((resolve) => (leave = resolve));
  const turn = line.tail;
  const tail = turn.then(() => left);
  line.tail = tail;
  void tail.then(() => {
    if (line.tail !== tail) return;
    ofClient.delete(channel);
    line.releases.stop();
  });
  return { turn, releases: line.releases, leave };
}
