import type { Redis } from 'ioredis';
import { addListener } from '../../listeners.js';
import { hangUp, linkTo, readWithRunOf, withoutArguments } from '../../redis/index.js';
import { isRefusal, ReconnectingConnection } from '../../subscriptions/index.js';

const CHANNEL = '__redis__:invalidate';
const SERVER_RUN_TIMEOUT_MS = 500;
const REFUSED =
  'Redis refuses CLIENT TRACKING: the near cache asks before each answer, as in the mode "validated"';

interface ChangeListener {
  onChange(key: string): void;
  /** Anything may have changed. */
  onGap(): void;
}

/**
 * A connection on which Redis tells of every change to keys with these prefixes. It is opened at the first question
 * whether it hears all. It tracks for itself (`REDIRECT` to its own id), so that its heartbeats prove the tracking too:
 * Redis sends the answer to a heartbeat after all changes from before it.
 */
export function trackingConnection(
  redis: Redis,
  prefixes: readonly string[],
  { onChange, onGap }: ChangeListener,
): { hearsAll(): boolean } {
  let connection: Redis | undefined;
  let isOpened = false;
  let isRefused = false;

  const tracking = new ReconnectingConnection(redis, {
    async prepare(fresh) {
      connection = fresh;
      await checkServer(redis, fresh);
      const refusal = await startTracking(fresh, prefixes);
      if (refusal && !isRefused) linkTo(redis).logger.warn({ err: refusal }, REFUSED);
      isRefused = refusal !== undefined;
    },
    wanted: () => ({ subscribe: [CHANNEL], psubscribe: [] }),
    // An empty name means that all keys are gone (FLUSHALL).
    message: (_kind, _name, key) => (key === '' ? onGap() : onChange(key)),
    gap: onGap,
    restored() {},
    closed: onGap,
  });

  // The client's next connection may lead to another server, and then the changes of that server must be tracked.
  addListener(redis, 'close', () => {
    onGap();
    if (connection) hangUp(connection);
  });

  return {
    hearsAll() {
      if (!isOpened) tracking.open().catch(() => undefined);
      isOpened = true;
      return !isRefused && tracking.current?.isHealthy === true;
    },
  };
}

async function checkServer(redis: Redis, connection: Redis): Promise<void> {
  const read = await readWithRunOf(redis)(
    '',
    { answer: Promise.resolve(''), timeoutMs: SERVER_RUN_TIMEOUT_MS },
    (answered) => answered,
  );
  // Without permission to ask the run is empty, and counts as the same.
  if (!read || !(await connection.info('server')).includes(read.run))
    throw new Error('this is not the server that is read from');
}

/** Resolves with Redis' error when Redis refuses. */
async function startTracking(connection: Redis, prefixes: readonly string[]): Promise<Error | undefined> {
  try {
    const id = await connection.client('ID');
    const named = prefixes.flatMap((prefix) => ['PREFIX', prefix]);
    await connection.call('client', ['TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', ...named]);
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return withoutArguments(error);
    throw error;
  }
}
