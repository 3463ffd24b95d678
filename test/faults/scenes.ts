import { freePort } from '../../src/testing/free-port.js';
import { startProxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';

/** A Redis to connect to, something that goes wrong with it, and its return. */
export interface Scene {
  port: number;
  bootsDown?: boolean;
  fault(): void | Promise<void>;
  mend(): void | Promise<void>;
  close(): Promise<void>;
}

async function ownRedis(
  fault: (redis: TestRedis) => void | Promise<void>,
  mend: typeof fault,
): Promise<Scene> {
  const redis = await startRedis();
  return {
    port: redis.port,
    fault: () => fault(redis),
    mend: () => mend(redis),
    close: () => redis.stop(),
  };
}

type Proxied = Awaited<ReturnType<typeof startProxy>>;

async function behindProxy(fault: (proxy: Proxied) => void, mend: typeof fault): Promise<Scene> {
  const redis = await startRedis();
  const proxy = await startProxy(redis.port);
  return {
    port: proxy.port,
    fault: () => fault(proxy),
    mend: () => mend(proxy),
    async close() {
      await proxy.close();
      await redis.stop();
    },
  };
}

async function absent(): Promise<Scene> {
  const port = await freePort();
  let redis: TestRedis | undefined;
  return {
    port,
    bootsDown: true,
    fault() {},
    async mend() {
      redis = await startRedis({ port });
    },
    close: async () => redis?.stop(),
  };
}

async function frozenAtBoot(): Promise<Scene> {
  const redis = await startRedis();
  redis.freeze();
  return {
    port: redis.port,
    bootsDown: true,
    fault() {},
    mend: () => redis.thaw(),
    close: () => redis.stop(),
  };
}

export const SCENES: Record<string, () => Promise<Scene>> = {
  'frozen (SIGSTOP)': () =>
    ownRedis(
      (redis) => redis.freeze(),
      (redis) => redis.thaw(),
    ),
  killed: () =>
    ownRedis(
      (redis) => redis.kill(),
      (redis) => redis.restart(),
    ),
  'absent at boot': absent,
  'frozen at boot': frozenAtBoot,
  'behind a proxy that swallows bytes': () =>
    behindProxy(
      (proxy) => proxy.swallow(),
      (proxy) => proxy.thaw(),
    ),
  'behind a proxy that slows down': () =>
    behindProxy(
      (proxy) => proxy.delay(400),
      (proxy) => proxy.delay(0),
    ),
};
