import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../src/cache-aside/cache-aside.js';
import { closeRedis, connectRedis, type RedisClient } from '../../src/redis/connect.js';
import { hashSlotOf, ownerOf } from '../../src/redis/servers/cluster-connection.js';
import { beginMutation } from '../../src/tags/mutation.js';
import { tagVersions } from '../../src/tags/tag-versions.js';
import { quiet } from '../middleware/support/redis-for-file.js';
import { startCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startSentinel } from '../support/sentinel.js';
import { sized } from '../support/size.js';

/** A Redis of some kind that can come back as it was before it heard of an invalidation. */
interface Scene {
  readonly redis: RedisClient;
  /** From here on what is written is going to be lost. */
  note(): Promise<unknown>;
  comeBackOlder(): Promise<unknown>;
}

const direct = async <T>({ url }: TestRedis, act: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(url);
  return act(redis).finally(() => redis.disconnect());
};

async function fromSnapshot(): Promise<Scene> {
  const server = await startRedis();
  const redis = connectRedis({ url: server.url, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis);
    await server.stop();
  });
  return {
    redis,
    note: () => redis.save(),
    comeBackOlder: () => server.restart(),
  };
}

// A replica that cannot log in again hears no more.
const cutOff = (primary: TestRedis) =>
  direct(primary, async (redis) => {
    await redis.config('SET', 'requirepass', 'not known to replicas');
    await redis.call('CLIENT', 'KILL', 'TYPE', 'replica');
  });
const isInStep = (replica: TestRedis) =>
  direct(replica, async (redis) => /master_link_status:up/.test(await redis.info()));

async function deafReplica(): Promise<Scene> {
  const sentinel = await startSentinel();
  const { sentinels, name, primary, replica } = sentinel;
  const redis = connectRedis({ sentinels, name, failoverDetector: true, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis);
    await sentinel.stop();
  });
  await eventually('the replica is in step', () => isInStep(replica));
  return {
    redis,
    note: async () => {
      await redis.wait(1, 5_000);
      await cutOff(primary);
    },
    comeBackOlder: () => sentinel.failover(),
  };
}

async function startClusterScene() {
  const cluster = await startCluster();
  const redis = new Cluster(cluster.addresses);
  onTestFinished(async () => {
    redis.disconnect();
    await cluster.stop();
  });
  await eventually('the client is ready', () => redis.status === 'ready');
  const owner = ownerOf(redis, hashSlotOf(redis, 'tag:user:7'))!;
  return { cluster, redis, master: cluster.nodes.find(({ port }) => owner.endsWith(`:${port}`))! };
}

async function clusterFromSnapshot(): Promise<Scene> {
  const { redis, master } = await startClusterScene();
  return {
    redis,
    note: () => direct(master, (node) => node.save()),
    comeBackOlder: () => master.restart(),
  };
}

async function clusterDeafReplica(): Promise<Scene> {
  const { cluster, redis, master } = await startClusterScene();
  const replica = await cluster.addReplica(master);
  await eventually('the replica is in step', () => isInStep(replica), { withinMs: 15_000 });
  return {
    redis,
    note: async () => {
      await direct(master, (node) => node.wait(1, 5_000));
      await cutOff(master);
    },
    async comeBackOlder() {
      await master.kill();
      await direct(replica, (node) => node.call('CLUSTER', 'FAILOVER', 'TAKEOVER') as Promise<unknown>);
    },
  };
}

/** Asks for a value until it comes from the cache; every answer on the way. */
async function answersOf(
  cache: ReturnType<typeof cacheAside>,
  key: string,
  current: string,
): Promise<Set<string>> {
  const seen = new Set<string>();
  const isCached = async () => {
    let loads = 0;
    const load = async () => {
      loads++;
      return current;
    };
    seen.add(await cache.getOrLoad(key, load, { ttlSeconds: 600, tags: ['user:7'] }));
    return loads === 0;
  };
  await eventually('a value comes from the cache', isCached, { withinMs: 15_000 });
  return seen;
}

const SCENES: [string, () => Promise<Scene>][] = [
  ['a Redis that restarts from a snapshot', fromSnapshot],
  ['a replica that had not heard, made primary by Sentinel', deafReplica],
  ...sized<[string, () => Promise<Scene>][]>({
    quick: [],
    full: [
      ['a replica that had not heard, made primary in a Cluster', clusterDeafReplica],
      ['a node of a Cluster that restarts from a snapshot', clusterFromSnapshot],
    ],
  }),
];

test.each(SCENES)('%s brings an older value back with onRestart keep alone', async (_name, start) => {
  const { redis, note, comeBackOlder } = await start();
  const open = (onRestart: 'forget' | 'keep') =>
    cacheAside({ redis, logger: quiet, timeoutMs: 1000, onRestart });
  const [forgetful, keeping] = [open('forget'), open('keep')];
  await Promise.all([answersOf(forgetful, 'one:7', 'old'), answersOf(keeping, 'two:7', 'old')]);
  await note();
  await forgetful.invalidateTags(['user:7']);
  await comeBackOlder();
  expect(await answersOf(forgetful, 'one:7', 'new')).toEqual(new Set(['new']));
  expect(await answersOf(keeping, 'two:7', 'new')).toContain('old');
});

const mark = (redis: RedisClient, waitForReplicas: number) =>
  beginMutation(tagVersions(redis, { prefix: '', timeoutMs: 1000, waitForReplicas }), ['user:7']);

test.each(
  sized({
    quick: [['by Sentinel', deafReplica] as const],
    full: [['by Sentinel', deafReplica] as const, ['in a Cluster', clusterDeafReplica] as const],
  }),
)(
  'waitForReplicas: a change is refused when the replica cannot hear of its mark (%s)',
  async (_how, start) => {
    const { redis, note } = await start();
    // A replica that has just started takes a while to be in step.
    await eventually('the replica hears of a mark', async () => {
      const mutation = await mark(redis, 1).catch(() => undefined);
      await mutation?.finish();
      return mutation !== undefined;
    });
    await note();
    await (await mark(redis, 0)).finish();
    await expect(mark(redis, 1)).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      message: expect.stringContaining('0 of 1 replicas'),
    });
  },
);
