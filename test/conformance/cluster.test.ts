import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { linkTo } from '../../src/redis/link.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { attemptsBehave } from './attempts.js';
import { linkBehaves } from './link.js';
import { locksBehave } from './locks.js';
import { middlewaresBehave } from './middlewares.js';
import { messagesArrive } from './pubsub.js';
import { valuesBehave } from './values.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

describe.each([
  ['defaults', {}],
  ['auto-pipelining and a key prefix', { enableAutoPipelining: true, keyPrefix: 'app:' }],
])('on a Cluster with %s', (_name, options) => {
  let client: Cluster;
  beforeAll(() => {
    client = new Cluster(cluster.addresses, options);
  });
  afterAll(() => client.disconnect());
  linkBehaves(() => client);
  middlewaresBehave(() => client);
  messagesArrive(() => client);
  locksBehave(() => client);
  attemptsBehave(() => client);
  valuesBehave(() => client);

  test('the commands of one turn are one write per node', async () => {
    const link = linkTo(client);
    const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`);
    const ask = () => Promise.all(keys.map((key) => link.send('get', [key], { timeoutMs: 1_000 })));
    await ask();
    const writes = client
      .nodes('master')
      .map((node) => vi.spyOn(node.stream as unknown as { _writev(): void }, '_writev'));
    await ask();
    expect(writes.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 1]);
  });

  test('a command is followed to the node that its slot has moved to', async () => {
    const link = linkTo(client);
    await link.send('set', ['moved', '1'], { timeoutMs: 1_000 });
    const { slots } = client as unknown as { slots: string[][] };
    const nodes = cluster.addresses.map(({ host, port }) => `${host}:${port}`);
    // The client believes every slot to be one node further.
    for (const [slot, [owner]] of slots.entries()) slots[slot] = [nodes[(nodes.indexOf(owner!) + 1) % 3]!];
    expect(await link.send('incr', ['moved'], { timeoutMs: 1_000 })).toBe(2);
    expect(await link.send('incr', ['moved'], { timeoutMs: 1_000 })).toBe(3);
  });
});
