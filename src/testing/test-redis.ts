import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { isMisconfigured, ToolkitError } from '../errors.js';
import {
  type ConnectRedisOptions,
  closeRedis,
  collectForgetters,
  connectRedis,
  linkTo,
  type RedisLink,
} from '../redis/index.js';
import { monotonicNow, setTimeout } from '../timers.js';
import { namesState, removeKeys } from './remove-keys.js';
import { startTestServer } from './test-server.js';

const PATIENCE_MS = 3_000;
const ASK_AGAIN_MS = 20;
const FAKED =
  'fake timers have replaced process.nextTick, without which ioredis does not connect. ' +
  "Call testRedis before them, or set doNotFake: ['nextTick'].";

/** A client for the tests of one file. */
export interface TestRedis {
  /** As `connectRedis` makes it, with `prefix` in front of each key. Connected. */
  readonly redis: Redis;
  /** Of the server, e.g. for a client of another process. */
  readonly url: string;
  /** Of this client alone, so that test files may share a server and run in parallel. */
  readonly prefix: string;
  /**
   * Removes the client's keys, and what the process remembers of them: refused clients, entries of a near cache, and the
   * like. Waits first for responses that are being stored, and for a Redis that was away to be back.
   */
  reset(): Promise<void>;
  /** Removes the client's keys, closes the client, and ends the server if `testRedis` started it. */
  stop(): Promise<void>;
}

/**
 * Gives a test file a client of its own on a real Redis. Without `REDIS_URL` and `url` it starts a server for this process.
 *
 * @example
 * const { redis, reset, stop } = await testRedis();
 * beforeEach(reset);
 * afterAll(stop);
 * @throws ToolkitError `TEST_REDIS_MISSING`
 */
export async function testRedis(given: ConnectRedisOptions = {}): Promise<TestRedis> {
  // @sinonjs/fake-timers marks what it replaces, for Jest too.
  if ('clock' in process.nextTick) throw new ToolkitError('TEST_REDIS_MISSING', `testRedis: ${FAKED}`);
  const server = await (given.url === undefined
    ? startTestServer()
    : startTestServer({ REDIS_URL: given.url }));
  const { url } = server;
  const prefix = `test:${randomBytes(6).toString('hex')}:${given.keyPrefix ?? ''}`;
  // ioredis' automatic pipelines wait for the global setImmediate, which fake timers stop.
  const redis = connectRedis({ enableAutoPipelining: false, ...given, url, keyPrefix: prefix });
  const link = linkTo(redis);
  const forget = collectForgetters(redis);

  async function close(): Promise<void> {
    await closeRedis(redis);
    await server.stop();
  }
  try {
    await answers(link, url);
  } catch (error) {
    await close();
    throw error;
  }

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    // A Redis that a test has ended has no keys.
    if (!link.outage) await removeKeys(link, prefix).catch(() => undefined);
    await close();
  }
  return {
    redis,
    url,
    prefix,
    async reset() {
      await answers(link, url);
      // Responses that are being stored would be back after the keys are gone.
      await forget();
      await link.drained();
      await removeKeys(link, prefix, namesState);
      await forget();
    },
    stop: () => (stopping ??= stop()),
  };
}

/** Resolves when Redis answers. */
async function answers(link: RedisLink, url: string): Promise<void> {
  const until = monotonicNow() + PATIENCE_MS;
  for (;;) {
    try {
      await link.send('ping', [], { timeoutMs: 1_000, isCheck: true });
      return;
    } catch (cause) {
      if (isMisconfigured(cause) || monotonicNow() > until) throw notServed(url, cause as Error);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

function notServed(url: string, cause: Error): ToolkitError {
  // The URL may hold a password.
  const where = URL.canParse(url) ? new URL(url).host : 'the given address';
  const message = `no Redis serves the tests at ${where}: ${cause.message}. Start it, or unset REDIS_URL.`;
  return new ToolkitError('TEST_REDIS_MISSING', message, { cause });
}
