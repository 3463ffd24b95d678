import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { trackingConnection } from './tracking-connection.js';

const REMEMBERED_CHANGES = 10_000;

/** A point in a stretch of time during which Redis tells of every change. */
export interface TrackingPoint {
  readonly stretch: number;
  readonly changes: number;
}

/** What this process knows of changes to cache entries and tag versions, because Redis tells of them. */
export interface ChangeTracking {
  /** The present point; undefined while a change may go unnoticed. */
  now(): TrackingPoint | undefined;
  /** Whether Redis would have told of a change of the key since that point, and has not. */
  isUnchanged(key: string, since: TrackingPoint): boolean;
  onChange(listener: (key: string) => void): void;
}

const trackings = new WeakMap<Redis, Map<string, ChangeTracking>>();

/** The tracking of a client's keys with these beginnings. Near caches with the same ones share a connection. */
export function trackingOf(redis: Redis, prefixes: readonly string[]): ChangeTracking {
  const name = prefixes.join('\n');
  const known = trackings.get(redis) ?? new Map<string, ChangeTracking>();
  trackings.set(redis, known);
  const tracking = known.get(name) ?? track(redis, prefixes);
  known.set(name, tracking);
  return tracking;
}

function track(redis: Redis, prefixes: readonly string[]): ChangeTracking {
  const listeners: ((key: string) => void)[] = [];
  const keyPrefix = redis.options.keyPrefix ?? '';
  let stretch = 0;
  let changes = 0;
  // Changes before this one are forgotten, so any key may have changed before it.
  let rememberedFrom = 0;
  const changedAt = new LRUCache<string, number>({
    max: REMEMBERED_CHANGES,
    dispose(at, _key, reason) {
      if (reason === 'evict') rememberedFrom = Math.max(rememberedFrom, at);
    },
  });

  const onChange = (key: string) => {
    const own = key.slice(keyPrefix.length);
    changedAt.set(own, ++changes);
    for (const listener of listeners) listener(own);
  };
  const onGap = () => void stretch++;
  const tracked = prefixes.map((prefix) => keyPrefix + prefix);
  const connection = trackingConnection(redis, tracked, { onChange, onGap });

  return {
    now: () => (connection.hearsAll() ? { stretch, changes } : undefined),
    isUnchanged: (key, since) =>
      since.stretch === stretch &&
      since.changes >= rememberedFrom &&
      (changedAt.get(key) ?? 0) <= since.changes,
    onChange: (listener) => void listeners.push(listener),
  };
}
