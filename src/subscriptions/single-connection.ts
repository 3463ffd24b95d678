import type { Redis } from 'ioredis';
import { hangUp, withoutArguments } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { Heartbeat, LONGEST_SILENCE_MS } from './heartbeat.js';

/** Exact channels, or glob patterns. */
export type SubscriptionKind = 'subscribe' | 'psubscribe';

export interface ConnectionEvents {
  /** Commands that have to be sent before the first subscription: after it none but (un)subscriptions are allowed. */
  prepare?(redis: Redis): Promise<void>;
  message(kind: SubscriptionKind, name: string, message: string, channel: string): void;
  /** Called once, when the connection ends in any other way than by `close`. */
  lost(cause: Error): void;
  /** An ACL forbids one of the channels. */
  refused(cause: Error): void;
  /** Several times a second. */
  tick(): void;
}

const KINDS: readonly SubscriptionKind[] = ['subscribe', 'psubscribe'];
const NAMES_PER_COMMAND = 1_000;
const UNSUBSCRIBE = { subscribe: 'unsubscribe', psubscribe: 'punsubscribe' } as const;

/** One connection during its life: its subscriptions, and whether messages still arrive. */
export class SingleConnection {
  /** Resolves when no message will come any more. */
  readonly ended: Promise<void>;
  clientId: number | undefined;
  /** Whether everything that was wanted at the beginning is subscribed. */
  isComplete = false;
  readonly #redis: Redis;
  readonly #events: ConnectionEvents;
  readonly #heartbeat: Heartbeat;
  readonly #acknowledged = new Map<string, Promise<unknown>>();
  #isOver = false;
  #resolveEnded!: () => void;

  constructor(redis: Redis, events: ConnectionEvents) {
    this.#redis = redis;
    this.#events = events;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#heartbeat = new Heartbeat(redis, {
      tick: events.tick,
      silence: (cause) => this.#lose(cause),
    });
    redis.on('close', () => this.#lose(new Error('the connection was closed')));
    redis.on('messageBuffer', (channel: Buffer, payload: Buffer | Buffer[] | null) =>
      this.#receive(channel.toString(), payload),
    );
    redis.on('pmessageBuffer', (pattern: string, channel: Buffer, payload: Buffer) =>
      events.message('psubscribe', pattern, payload.toString(), channel.toString()),
    );
  }

  /** Everything published before this moment (`monotonicNow()`) has arrived. */
  get provenAt(): number {
    return this.#heartbeat.provenAt;
  }

  get server(): string {
    const { host, port } = this.#redis.options;
    return `${host}:${port}`;
  }

  get isHealthy(): boolean {
    return this.isComplete && !this.#isOver && monotonicNow() - this.provenAt <= LONGEST_SILENCE_MS;
  }

  /** Subscribes to everything that is wanted so far. */
  async begin(wanted: Record<SubscriptionKind, readonly string[]>): Promise<void> {
    await this.#events.prepare?.(this.#redis);
    // An ACL may forbid CLIENT; then only the users of the id are without it.
    const id = this.#redis.client('ID').catch(() => undefined);
    const acknowledged = KINDS.flatMap((kind) => this.#subscribeAll(kind, wanted[kind]));
    const failures = (await Promise.allSettled(acknowledged)).filter(isFailure);
    for (const { reason } of failures) if (isRefusal(reason)) this.#events.refused(withoutArguments(reason));
    this.clientId = await id;
    if (this.#isOver) throw new Error('the connection was lost again at once');
    this.isComplete = true;
  }

  /** Resolves when Redis has acknowledged the subscription. */
  subscribe(kind: SubscriptionKind, name: string): Promise<unknown> {
    const known = this.#acknowledged.get(`${kind} ${name}`);
    return known ?? this.#remember(kind, name, this.#redis[kind](name));
  }

  unsubscribe(kind: SubscriptionKind, name: string): void {
    this.#acknowledged.delete(`${kind} ${name}`);
    // A lost connection has no subscriptions anyway.
    this.#redis[UNSUBSCRIBE[kind]](name).catch(() => undefined);
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#heartbeat.stop();
    hangUp(this.#redis);
    this.#resolveEnded();
  }

  #lose(cause: Error): void {
    if (this.#isOver) return;
    this.close();
    this.#events.lost(cause);
  }

  #subscribeAll(kind: SubscriptionKind, names: readonly string[]): Promise<unknown>[] {
    const missing = names.filter((name) => !this.#acknowledged.has(`${kind} ${name}`));
    const acknowledged: Promise<unknown>[] = [];
    for (let start = 0; start < missing.length; start += NAMES_PER_COMMAND) {
      const batch = missing.slice(start, start + NAMES_PER_COMMAND);
      const answer = this.#redis[kind](...batch);
      // An ACL that forbids one of the channels makes Redis refuse the whole command.
      const alone = (name: string) => answer.catch((error) => this.#retryAlone(kind, name, error));
      for (const name of batch) acknowledged.push(this.#remember(kind, name, alone(name)));
    }
    return acknowledged;
  }

  #retryAlone(kind: SubscriptionKind, name: string, error: unknown): Promise<unknown> {
    return isRefusal(error) ? this.#redis[kind](name) : Promise.reject(error);
  }

  #remember(kind: SubscriptionKind, name: string, acknowledged: Promise<unknown>): Promise<unknown> {
    const id = `${kind} ${name}`;
    this.#acknowledged.set(id, acknowledged);
    acknowledged.catch((error: Error) => {
      if (this.#acknowledged.get(id) === acknowledged) this.#acknowledged.delete(id);
      // Busy, loading, lost: the next connection subscribes again.
      if (!isRefusal(error)) this.#lose(error);
    });
    return acknowledged;
  }

  #receive(channel: string, payload: Buffer | Buffer[] | null): void {
    // `__redis__:invalidate` carries a list of keys, or null when all keys are gone.
    const messages = Array.isArray(payload) ? payload : [payload ?? ''];
    for (const message of messages) {
      this.#events.message('subscribe', channel, message.toString(), channel);
    }
  }
}

/** An ACL forbids the command, so another attempt would fail as well. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.message.startsWith('NOPERM');
}

const isFailure = (result: PromiseSettledResult<unknown>) => result.status === 'rejected';
