import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { hashSlotOf, ownerOf } from '../../../src/redis/servers/cluster-connection.js';
import { beginMutation } from '../../../src/tags/mutation.js';
import { pinVersions } from '../../../src/tags/pinned-versions.js';
import { tagVersions } from '../../../src/tags/tag-versions.js';
import { startCluster } from '../../support/cluster.js';
import { eventually } from '../../support/eventually.js';
import { patient } from '../../support/patient.js';

test('in a Cluster a node that lost its data stops storing under its own tags alone', async () => {
  const cluster = await startCluster();
  const redis = patient(new Cluster(cluster.addresses));
  onTestFinished(async () => {
    redis.disconnect();
    await cluster.stop();
  });
  await eventually('the client is ready', () => redis.status === 'ready');
  const ownerOfKey = (key: string) => ownerOf(redis, hashSlotOf(redis, key))!;
  const tags = Array.from({ length: 50 }, (_, position) => `tag ${position}`);
  const awayFrom = (...owners: string[]) =>
    tags.find((tag) => !owners.includes(ownerOfKey(`tag:${tag.replace(' ', '%20')}`)))!;
  const ofEpoch = ownerOfKey('epoch:invalidation');
  const lost = awayFrom(ofEpoch);
  const owner = ownerOfKey(`tag:${lost.replace(' ', '%20')}`);
  const other = awayFrom(owner);

  const versions = tagVersions(redis, { prefix: '', timeoutMs: 1000 });
  const mayStore = async (tag: string) =>
    pinVersions([tag], await versions.readOrCreate([tag])) !== undefined;
  await (await beginMutation(versions, [lost, other])).finish();
  expect([await mayStore(lost), await mayStore(other)]).toEqual([true, true]);

  const node = new Redis(cluster.nodes.find(({ port }) => owner.endsWith(`:${port}`))!.url);
  onTestFinished(() => node.disconnect());
  await node.flushall();
  expect([await mayStore(lost), await mayStore(other)]).toEqual([false, true]);
  await eventually('something may be stored again', () => mayStore(lost));
  const states = (await Promise.all(redis.nodes('master').map((each) => each.keys('epoch:state:*')))).flat();
  expect(new Set(states).size).toBe(9);
}, 60_000);
