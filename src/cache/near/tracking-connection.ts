import type { Redis } from 'ioredis';
import { linkTo, readWithRunOf } from '../../redis/index.js';
import { hangUp, isRefusal, ReconnectingConnection } from '../../subscriptions/index.js';

const CHANNEL = '__redis__:invalidate';
const GENERATION_TIMEOUT_MS = 500;
const REFUSED =
  'Redis refuses CLIENT TRACKING: the near cache asks before each answer, as in the mode "validated"';

interface ChangeListener {
  onChange(key: string): void;
  /** Anything may have changed. */
  onGap(): void;
}

/**
 * A connection on which Redis tells of every change to keys with these prefixes, opened when first asked about. It
 * tracks for itself (`REDIRECT` to its own id), so that its heartbeats prove the tracking too: what was answered to one
 * came after all changes before it.
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
    // No key is named when all of them are gone.
    message: (_kind, _name, key) => (key === '' ? onGap() : onChange(key)),
    gap: onGap,
    restored() {},
    closed: onGap,
  });

  // The client's next connection may lead to another server, and what it reads there is to be tracked there.
  redis.on('close', () => {
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
  const read = await readWithRunOf(redis)('', Promise.resolve(''), GENERATION_TIMEOUT_MS);
  // Without permission to ask it is empty, and counts as the same.
  if (!read || !(await connection.info('server')).includes(read.run))
    throw new Error('this is not the server that is read from');
}

/** Answers with Redis' own words when it may not. */
async function startTracking(connection: Redis, prefixes: readonly string[]): Promise<Error | undefined> {
  try {
    const id = await connection.client('ID');
    const named = prefixes.flatMap((prefix) => ['PREFIX', prefix]);
    await connection.call('client', ['TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', ...named]);
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}
