import { Redis as Observer, type Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { serveCached } from '../middleware/cache/support/cache-client.js';
import { quiet } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { startProxy, type Proxy as TcpProxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';

interface Site {
  readonly server: TestRedis;
  readonly proxy: TcpProxy;
  readonly observer: Observer;
}

/** Calls back when a client is about to send the command that takes a fill lease. */
function beforeLease(redis: Redis, act: () => void): void {
  const { sendCommand } = redis;
  redis.sendCommand = ((...args: Parameters<typeof sendCommand>) => {
    const [command] = args;
    if (command.name === 'set' && String(command.args[0]).startsWith('cache-lease:')) {
      redis.sendCommand = sendCommand;
      act();
    }
    return sendCommand.apply(redis, args);
  }) as typeof sendCommand;
}

const leases = (observer: Observer) => observer.keys('cache-lease:*');
const isTaken = ({ observer }: Site) =>
  eventually('the lease', async () => (await leases(observer)).length > 0, { everyMs: 1 });

const faults: Record<string, (site: Site) => Promise<void>> = {
  'Redis froze for 150 ms': async ({ server }) => {
    server.freeze();
    await new Promise((resolve) => setTimeout(resolve, 150));
    server.thaw();
  },
  'the answer to the lease was lost with its connection': async (site) => {
    site.proxy.delay(40);
    await isTaken(site);
    site.proxy.sever();
    site.proxy.delay(0);
  },
  'an ACL forbade everything for a moment': async (site) => {
    await isTaken(site);
    await site.observer.acl('SETUSER', 'app', '-@all');
    await new Promise((resolve) => setTimeout(resolve, 150));
    await site.observer.acl('SETUSER', 'app', '+@all');
  },
  'an ACL forbade scripts for a moment': async (site) => {
    await isTaken(site);
    await site.observer.acl('SETUSER', 'app', '-@scripting');
    await new Promise((resolve) => setTimeout(resolve, 150));
    await site.observer.acl('SETUSER', 'app', '+@all');
  },
};

type Ask = () => Promise<unknown>;
const slowly = <T>(value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), 50));

const kinds: Record<string, (redis: Redis) => Promise<Ask>> = {
  'getOrLoad of the key': async (redis) => {
    const cache = cacheAside({ redis, logger: quiet });
    return () => cache.getOrLoad('page:1', () => slowly(1), { ttlSeconds: 1 });
  },
  'request for the URL': async (redis) => {
    const app = await serveCached({
      redis,
      cache: { timeoutMs: 100, key: () => 'page' },
      handler: async (_req, res) => void res.send(await slowly('page')),
    });
    return () => app.get();
  },
};

const cases = Object.keys(faults).flatMap((fault) => Object.keys(kinds).map((kind) => [fault, kind]));

test.each(cases)('after a miss during which %s, no later %s waits for a lease', async (fault, kind) => {
  const server = await startRedis();
  const proxy = await startProxy(server.port);
  const observer = new Observer(server.url);
  await observer.acl('SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all');
  const connect = (port: number) =>
    connectRedis({ url: `redis://app:secret@127.0.0.1:${port}`, logger: quiet }) as Redis;
  const [hit, other] = [connect(proxy.port), connect(server.port)];
  onTestFinished(async () => {
    observer.disconnect();
    await Promise.all([hit, other].map((redis) => closeRedis(redis, { timeoutMs: 100 })));
    await proxy.close();
    await server.stop();
  });
  const [ask, askOther] = await Promise.all([kinds[kind]!(hit), kinds[kind]!(other)]);
  await Promise.all([hit.ping(), other.ping()]);
  let over: Promise<void> | undefined;
  beforeLease(hit, () => {
    over = faults[fault]!({ server, proxy, observer });
  });
  await ask();
  await over;
  // Whatever could be stored all the same is no matter here.
  for (const key of await observer.keys('*')) if (!key.startsWith('cache-lease:')) await observer.del(key);
  const began = performance.now();
  // The other process first, and alone: this one would recognise its own lease and release it for both.
  await askOther();
  await ask();
  expect(performance.now() - began).toBeLessThan(1_500);
  await eventually('no lease is left', async () => (await leases(observer)).length === 0);
});
