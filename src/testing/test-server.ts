import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ToolkitError } from '../errors.js';
import { type Environment, findRedis } from './find-program.js';
import { startRedisServer } from './redis-server.js';

/** A Redis for a test run. */
export interface TestServer {
  readonly url: string;
  /** Ends the server if `startTestServer` started it; a server of `REDIS_URL` goes on. */
  stop(): Promise<void>;
}

const WAYS =
  'There are three ways: set REDIS_URL to a Redis that is running; ' +
  'put redis-server or valkey-server on PATH (the package redis-server, redis or valkey of your system); ' +
  'or run `npm install --save-dev redis-memory-server`.';

/**
 * Starts a real Redis for a test run, e.g. in the global setup of a test runner: that of `REDIS_URL` is used, otherwise
 * `redis-server` or `valkey-server` on PATH, otherwise npm's `redis-memory-server` if it is installed. The server has no
 * files, listens on 127.0.0.1 alone, and ends with this process at the latest, however this process ends.
 *
 * @example
 * export default async function setup() {
 *   const { url, stop } = await startTestServer();
 *   process.env.REDIS_URL = url;
 *   return stop;
 * }
 * @throws ToolkitError `TEST_REDIS_MISSING`
 */
export async function startTestServer(env: Environment = process.env): Promise<TestServer> {
  if (env.REDIS_URL) return { url: env.REDIS_URL, stop: async () => {} };
  const command = findRedis(env);
  if (command !== undefined) return orExplained(command, startRedisServer({ command }));
  const memoryServer = loadMemoryServer();
  if (memoryServer) return orExplained('redis-memory-server', startMemoryServer(memoryServer));
  throw new ToolkitError('TEST_REDIS_MISSING', `no Redis was found for the tests. ${WAYS}`);
}

async function orExplained(name: string, starting: Promise<TestServer>): Promise<TestServer> {
  try {
    return await starting;
  } catch (cause) {
    const message = `${name} does not start a Redis for the tests: ${(cause as Error).message}. ${WAYS}`;
    throw new ToolkitError('TEST_REDIS_MISSING', message, { cause });
  }
}

/** A part of the package redis-memory-server. */
type MemoryServer = new () => {
  start(): Promise<unknown>;
  getHost(): Promise<string>;
  getPort(): Promise<number>;
  stop(): Promise<unknown>;
};

// From the project that is tested: pnpm would not let this package see it.
function loadMemoryServer(): MemoryServer | undefined {
  const name = 'redis-memory-server';
  try {
    const loaded = createRequire(join(process.cwd(), 'package.json'))(name) as {
      RedisMemoryServer: MemoryServer;
    };
    return loaded.RedisMemoryServer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

async function startMemoryServer(Server: MemoryServer): Promise<TestServer> {
  const server = new Server();
  await server.start();
  const url = `redis://${await server.getHost()}:${await server.getPort()}`;
  return {
    url,
    async stop() {
      await server.stop();
    },
  };
}
