import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { patient } from '../../support/patient.js';
import { startProxy } from '../../support/proxy.js';
import { startRedis, type TestRedis } from '../../support/redis.js';

export { gate } from '../../support/gate.js';

export const quiet = { info() {}, warn() {}, error() {} };

/** A Redis of the test file's own; at the end every key in it must have an expiry. */
export function redisForFile(): { readonly server: TestRedis; readonly redis: Redis } {
  const made = {} as { server: TestRedis; redis: Redis };
  beforeAll(async () => {
    made.server = await startRedis();
    made.redis = patient(connectRedis({ url: made.server.url, logger: quiet }));
  });
  afterAll(async () => {
    expect(await keysWithoutExpiry(made.redis)).toEqual([]);
    await closeRedis(made.redis);
    await made.server.stop();
  });
  return made;
}

/** A client of that Redis behind a proxy, which can delay, swallow and cut, for the running test. */
export async function throughProxy(server: TestRedis) {
  const proxy = await startProxy(server.port);
  const redis = connectRedis({ url: `redis://127.0.0.1:${proxy.port}`, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis, { timeoutMs: 100 });
    await proxy.close();
  });
  await redis.ping();
  return { proxy, redis };
}

async function keysWithoutExpiry(redis: Redis): Promise<string[]> {
  const keys = await redis.keys('*');
  const expiries = await Promise.all(keys.map((key) => redis.pttl(key)));
  return keys.filter((_, position) => expiries[position] === -1);
}

/** Serves the app for the running test; answers its URL. */
export async function serve(app: Express | RequestListener): Promise<string> {
  const server: Server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
