import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../src/testing/free-port.js';
import { eventually } from '../support/eventually.js';
import { launchBundled, type TypeScriptChild } from '../support/processes.js';
import { startRedis } from '../support/redis.js';

async function close(way: string, port: number, settings: object = {}) {
  const args = [way, `${port}`, JSON.stringify(settings)];
  const child = await launchBundled(join(__dirname, 'closing-child.ts'), { args });
  onTestFinished(() => child.kill());
  return child;
}

/** It ended by itself, with nothing keeping it. */
async function endedBy(child: TypeScriptChild, withinMs: number): Promise<string> {
  const late = sleep(withinMs).then(() => ({ code: `still running after: ${child.output()}`, signal: null }));
  const { code } = await Promise.race([child.exited, late]);
  expect(code, child.output()).toBe(0);
  return child.output();
}

test.each(['quit', 'disconnect', 'closeRedis'])(
  'after %s the process ends, and the client and its subscriber connection stay closed',
  async (way) => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const output = await endedBy(await close(way, server.port, { listen: true }), 10_000);
    expect(output).toContain('answered, closed');
    expect(output).toContain('status end');
  },
);

test.each(['quit', 'disconnect', 'closeRedis'])(
  'after %s the process ends, though the deadline of an answered command is a minute away',
  async (way) => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const output = await endedBy(await close(way, server.port, { timeoutMs: 60_000 }), 10_000);
    expect(output).toContain('answered, closed');
  },
);

test('after closeRedis of a Cluster the process ends, and client and subscriber connection stay closed', async () => {
  const server = await startRedis({
    args: [
      '--cluster-enabled',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--cluster-port',
      `${await freePort()}`,
    ],
  });
  onTestFinished(() => server.stop());
  const direct = new Redis(server.url);
  onTestFinished(() => direct.disconnect());
  await direct.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await eventually('it serves', async () => (await direct.cluster('INFO')).includes('state:ok'));
  const children = await Promise.all(
    ['quit', 'disconnect', 'closeRedis'].map((way) =>
      close(way, server.port, { cluster: true, listen: true }),
    ),
  );
  for (const child of children) expect(await endedBy(child, 10_000)).toContain('answered, closed');
});

test('a client that was closed during an outage is not connected again when Redis returns', async () => {
  const port = await freePort();
  const settings = [
    {},
    { retryStrategy: null },
    { retryMs: 10_000 },
    { cluster: true },
    { retryStrategy: null, listen: true },
  ];
  const children = await Promise.all(
    ['disconnect', 'closeRedis'].flatMap((way) => settings.map((each) => close(way, port, each))),
  );
  await eventually('all have closed', () => children.every((child) => child.output().includes('closed in')), {
    withinMs: 15_000,
  });
  const server = await startRedis({ port });
  onTestFinished(() => server.stop());
  for (const output of await Promise.all(children.map((child) => endedBy(child, 10_000)))) {
    expect(output).toContain('REDIS_UNAVAILABLE, closed');
    expect(output).not.toMatch(/status (ready|connect)/);
  }
});

test('closeRedis takes no longer than its timeout when Redis is frozen, and the process ends', async () => {
  const server = await startRedis();
  server.freeze();
  onTestFinished(() => server.stop());
  const output = await endedBy(await close('closeRedis at once', server.port), 10_000);
  expect(Number(/closed in (\d+) ms/.exec(output)![1])).toBeLessThan(200);
});
