import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { isNear, serveNear } from '../middleware/cache/support/near-client.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startRedis } from '../support/redis.js';
import { recordingLogger } from './clients.js';

const BOUND_MS = 1_000;

async function startServer(args: string[] = []) {
  const server = await startRedis({ args });
  const cli = new Redis(server.url);
  onTestFinished(async () => {
    cli.disconnect();
    await server.stop();
  });
  return { server, cli };
}

/** A site whose one response is near and tracked, and what changes it from elsewhere. */
async function trackedSite(url: string, cli: Redis) {
  const row = { value: 0 };
  const app = await serveNear(url, 'tracked', { row, cache: { timeoutMs: 100 } });
  await app.settle();
  const change = async () => {
    row.value++;
    await cli.del('tag:thing');
  };
  /** Reads for a while; tells when the last read began that saw the older value. */
  const lastStaleRead = async (older: string, from: number) => {
    let last = Number.NEGATIVE_INFINITY;
    while (performance.now() < from + 2 * BOUND_MS) {
      const began = performance.now();
      if ((await app.value()) === older) last = began;
    }
    return last;
  };
  return { ...app, change, lastStaleRead };
}

test('the tracking connection is killed: what changes before it is back is noticed', async () => {
  const { server, cli } = await startServer();
  const site = await trackedSite(server.url, cli);
  for (let round = 1; round <= 5; round++) {
    // In one batch, so that the change comes before the process can have connected again.
    const killed = cli.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await Promise.all([killed, site.change()]);
    expect(await killed).toBe(1);
    await eventually('the newer response', async () => (await site.value()) === `${round}`);
    expect((await site.settle()).body.toString()).toBe(`${round}`);
  }
});

test('the connection falls silent: after the bound nothing older is served, and afterwards all is as before', async () => {
  const { server, cli } = await startServer();
  const proxy = await startProxy(server.port);
  onTestFinished(() => proxy.close());
  const site = await trackedSite(`redis://127.0.0.1:${proxy.port}`, cli);
  proxy.swallow();
  const from = performance.now();
  await site.change();
  expect((await site.lastStaleRead('0', from)) - from).toBeLessThanOrEqual(BOUND_MS);
  proxy.thaw();
  proxy.sever();
  expect((await site.settle()).body.toString()).toBe('1');
  await site.change();
  await eventually('the newer response', async () => (await site.value()) === '2');
});

test.each(['killed', 'frozen'] as const)(
  'Redis %s: the site answers, and is near again afterwards',
  async (fault) => {
    const { server, cli } = await startServer();
    const site = await trackedSite(server.url, cli);
    cli.disconnect();
    if (fault === 'killed') await server.kill();
    else server.freeze();
    await eventually('a bypass', async () => !isNear(await site.get('/thing')));
    if (fault === 'killed') await server.restart();
    else server.thaw();
    await site.settle();
  },
);

test('an ACL that forbids CLIENT TRACKING: the log says so once, and each answer is validated', async () => {
  const { server, cli } = await startServer();
  await cli.acl('SETUSER', 'app', 'on', '>pass', '~*', '&*', '+@all', '-client|tracking');
  const logger = recordingLogger();
  const redis = connectRedis({ url: `redis://app:pass@127.0.0.1:${server.port}`, logger });
  onTestFinished(() => closeRedis(redis, { timeoutMs: 100 }));
  const app = await serveNear(server.url, 'tracked', { redis, cache: { logger }, invalidate: { logger } });
  await eventually('a near hit', async () => isNear(await app.get('/thing')));
  await eventually('a line', () => logger.lines.length > 0);
  await cli.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await eventually('a near hit', async () => isNear(await app.get('/thing')));
  expect(await app.patch()).toMatchObject({ status: 200 });
  expect(await app.value()).toBe('1');
  const lines = logger.lines.filter(({ message }) => message.includes('CLIENT TRACKING'));
  expect(lines).toMatchObject([{ level: 'warn' }]);
});

test('closeRedis ends the tracking connection too', async () => {
  const { server, cli } = await startServer();
  const site = await trackedSite(server.url, cli);
  await closeRedis(site.redis);
  await eventually('only ours is left', async () => {
    const list = (await cli.client('LIST')) as string;
    return list.trim().split('\n').length === 1;
  });
});

test("the client's own connection is replaced: nothing from before is trusted", async () => {
  const { server, cli } = await startServer();
  const site = await trackedSite(server.url, cli);
  await cli.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await eventually('a question to Redis', async () => (await site.commandsOf(() => site.get('/thing'))) > 0);
  await site.settle();
});
