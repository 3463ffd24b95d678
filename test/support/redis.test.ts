import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { startCluster } from './cluster.js';
import { startRedis } from './redis.js';
import { startSentinel } from './sentinel.js';

async function connected(url: string): Promise<Redis> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: null });
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  await client.connect();
  return client;
}

test('killed, it is gone; restarted, it is there on the same port and empty', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  await (await connected(redis.url)).set('key', 'value');
  const firstPid = redis.pid;

  await redis.kill();
  await expect(connected(redis.url)).rejects.toThrow();

  await redis.restart();
  expect(redis.pid).not.toBe(firstPid);
  expect(await (await connected(redis.url)).get('key')).toBeNull();
});

test('frozen, it answers nothing; thawed, it answers what it was asked meanwhile', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const client = await connected(redis.url);
  redis.freeze();
  let answered = false;
  const answer = client.ping().finally(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(answered).toBe(false);
  redis.thaw();
  expect(await answer).toBe('PONG');
});

test('an append-only file survives a kill', async () => {
  const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  onTestFinished(() => redis.stop());
  await (await connected(redis.url)).set('key', 'value');
  await redis.restart();
  expect(await (await connected(redis.url)).get('key')).toBe('value');
});

test('a cluster serves every slot, and a node that was killed comes back to it', async () => {
  const { addresses, nodes, stop } = await startCluster();
  onTestFinished(stop);
  const cluster = new Cluster(addresses);
  onTestFinished(() => cluster.disconnect());
  const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`);
  for (const key of keys) await cluster.set(key, key);
  expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys);

  await nodes[1]!.restart();
  const node = await connected(nodes[1]!.url);
  expect(await node.cluster('INFO')).toContain('cluster_known_nodes:3');
});

test.each([1, 3])('%i Sentinels move to the replica', async (count) => {
  const { sentinels, name, replica, failover, stop } = await startSentinel({ sentinels: count });
  onTestFinished(stop);
  const client = new Redis({ sentinels, name });
  onTestFinished(() => client.disconnect());
  await client.set('key', 'value');
  await failover();

  const direct = await connected(replica.url);
  expect((await direct.role())[0]).toBe('master');
  const again = new Redis({ sentinels, name });
  onTestFinished(() => again.disconnect());
  expect(await again.config('GET', 'port')).toEqual(['port', `${replica.port}`]);
});
