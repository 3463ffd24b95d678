import type { RequestEvent } from './request-events.js';

/** A caller of `cacheAside` asked for a value. */
export interface ValueEvent {
  /** The key of the value. */
  readonly key: string;
  /** A value that is sent although it is too old, or is refreshed early. */
  readonly stale: boolean;
  /** Redis did not answer. */
  readonly unavailable: boolean;
  /** Milliseconds that the look-up took. */
  readonly durationMs: number;
}

/** A function given to `getOrLoad` has ended. */
export interface ValueLoadedEvent {
  /** The key of the value. */
  readonly key: string;
  /** Whether it failed. */
  readonly failed: boolean;
  /** Milliseconds that the function took. */
  readonly durationMs: number;
}

/** A value that was given to `set`, or that `getOrLoad` has loaded, was stored or not. */
export interface ValueStoredEvent {
  /** The key of the value. */
  readonly key: string;
  /** `uncached`: its lifetime is 0, or it is undefined. `invalidated`: so was one of its tags meanwhile. `unavailable`: Redis did not answer. */
  readonly outcome: 'stored' | 'uncached' | 'invalidated' | 'unavailable';
  /** Milliseconds that storing it took. */
  readonly durationMs: number;
}

/** `withLock` has a lock. */
export interface LockAcquiredEvent {
  /** The resource. */
  readonly resource: string;
  /** The fencing number. */
  readonly fencing: number;
  /** Milliseconds that the caller waited. */
  readonly waitedMs: number;
}

/** `withLock` has given a lock back. */
export interface LockReleasedEvent {
  /** The resource. */
  readonly resource: string;
  /** Whether the lock was lost while the function ran. */
  readonly lost: boolean;
  /** Milliseconds that the function took. */
  readonly heldMs: number;
}

/** `withLock` did not get a lock. */
export interface LockRefusedEvent {
  /** The resource. */
  readonly resource: string;
  /** The error that the caller gets. */
  readonly error: unknown;
  /** Milliseconds that the caller waited. */
  readonly waitedMs: number;
}

/** Redis, or a node of a Cluster, does not answer. */
export interface UnavailableEvent {
  /** Which one. */
  readonly server: string;
  /** Why. */
  readonly cause: unknown;
}

/** It answers again. */
export interface RecoveredEvent {
  /** Which one. */
  readonly server: string;
  /** Milliseconds that the outage lasted. */
  readonly outageMs: number;
}

/** A middleware did without Redis for one request, or `cacheAside` for one call. */
export interface FallbackEvent extends RequestEvent {
  /** Which middleware, or `cacheAside`. */
  readonly middleware: string;
  /** What it did, as its option says; `bypass` where there is no such option. */
  readonly onUnavailable: string;
  /** The code of Redis' error (`OOM`, `NOPERM`), or that of the toolkit's. */
  readonly reason: string;
  /** The error. */
  readonly error: Error;
}

/** An operator acted, on the page or the API of `ops`, or on the command line. */
export interface AuditEvent {
  /** What was done. */
  readonly action: string;
  /** The person, as `authorize` named them; on the command line the user and the machine. */
  readonly actor: string;
  /** When, in ISO 8601. */
  readonly at: string;
  /** How it ended. */
  readonly outcome: 'done' | 'failed';
  /** The action was asked for on this: a client, a user, tags. */
  readonly on: Readonly<Record<string, unknown>>;
}
