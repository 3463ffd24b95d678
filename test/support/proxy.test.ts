import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { eventually } from './eventually.js';
import { startProxy } from './proxy.js';

async function throughProxy() {
  const proxy = await startProxy(Number(new URL(inject('redisUrl')).port));
  const client = new Redis(proxy.port, '127.0.0.1', { retryStrategy: () => 10, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  onTestFinished(async () => {
    client.disconnect();
    await proxy.close();
  });
  await client.ping();
  return { proxy, client };
}

function watch(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

test('sees the chunks that the client wrote', async () => {
  const { proxy, client } = await throughProxy();
  proxy.writes.length = 0;
  await client.echo('one');
  await client.echo('two');
  expect(proxy.writes.map(String)).toEqual([expect.stringContaining('one'), expect.stringContaining('two')]);
});

test('frozen, it holds back and loses nothing', async () => {
  const { proxy, client } = await throughProxy();
  proxy.freeze();
  const answers = Promise.all([client.echo('one'), client.echo('two')]);
  const state = watch(answers);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(state.settled).toBe(false);
  proxy.thaw();
  expect(await answers).toEqual(['one', 'two']);
});

test('swallowing, it takes bytes and never passes them on', async () => {
  const { proxy, client } = await throughProxy();
  proxy.swallow();
  const lost = watch(client.echo('lost'));
  await eventually('the bytes were taken', () => proxy.writes.some((chunk) => chunk.includes('lost')));
  proxy.thaw();
  const direct = new Redis(proxy.port, '127.0.0.1');
  onTestFinished(() => direct.disconnect());
  expect(await direct.echo('passes')).toBe('passes');
  expect(lost.settled).toBe(false);
});

test('severed, the connection is reset, and the next one works', async () => {
  const { proxy, client } = await throughProxy();
  const closed = new Promise((resolve) => client.once('close', resolve));
  proxy.sever();
  await closed;
  await new Promise((resolve) => client.once('ready', resolve));
  expect(await client.ping()).toBe('PONG');
});

test('delays in both directions', async () => {
  const { proxy, client } = await throughProxy();
  proxy.delay(100);
  const start = performance.now();
  await client.ping();
  expect(performance.now() - start).toBeGreaterThan(190);
});
