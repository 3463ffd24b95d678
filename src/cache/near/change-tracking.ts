import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { decidingPrefixes } from '../../keys.js';
import { trackingConnection } from './tracking-connection.js';

const REMEMBERED_CHANGES = 10_000;

/** A point in an unbroken stretch of time in which every change is heard of. */
export interface Moment {
  readonly stretch: number;
  readonly changes: number;
}

/** What Redis tells this process of changes to cache entries and tag versions. */
export interface Tracking {
  /** The present moment; nothing while changes may go unheard. */
  now(): Moment | undefined;
  /** Whether the key has not changed since, as far as is known. */
  isUnchanged(key: string, since: Moment): boolean;
  onChange(tell: (key: string) => void): void;
}

const trackings = new WeakMap<Redis, Map<string, Tracking>>();

/** The tracking of a client's keys under a prefix, over one connection for all who ask. */
export function trackingOf(redis: Redis, prefix: string): Tracking {
  const known = trackings.get(redis) ?? new Map<string, Tracking>();
  trackings.set(redis, known);
  const tracking = known.get(prefix) ?? track(redis, prefix);
  known.set(prefix, tracking);
  return tracking;
}

function track(redis: Redis, prefix: string): Tracking {
  const listeners: ((key: string) => void)[] = [];
  const keyPrefix = redis.options.keyPrefix ?? '';
  let stretch = 0;
  let changes = 0;
  // Changes before this one are forgotten: any key may be among them.
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
    for (const tell of listeners) tell(own);
  };
  const onGap = () => void stretch++;
  const connection = trackingConnection(redis, decidingPrefixes(keyPrefix + prefix), { onChange, onGap });

  return {
    now: () => (connection.hearsAll() ? { stretch, changes } : undefined),
    isUnchanged: (key, since) =>
      since.stretch === stretch &&
      since.changes >= rememberedFrom &&
      (changedAt.get(key) ?? 0) <= since.changes,
    onChange: (tell) => void listeners.push(tell),
  };
}
