import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { forkTypeScript } from '../support/processes.js';
import { startRedis } from '../support/redis.js';

async function processes(count: number) {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const env = { REDIS_URL: server.url };
  const file = join(__dirname, 'subscriber-process.ts');
  const children = await Promise.all(Array.from({ length: count }, () => forkTypeScript(file, { env })));
  onTestFinished(async () => void (await Promise.all(children.map((child) => child.kill()))));
  await Promise.all(children.map((child) => child.call('listen')));
  return { server, children };
}

const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i}`);

test('messages of two processes arrive at both, those of each process in order', async () => {
  const { children } = await processes(2);
  const sent = { first: numbered('first', 100), second: numbered('second', 100) };
  await Promise.all([children[0]!.call('publish', sent.first), children[1]!.call('publish', sent.second)]);
  for (const child of children) {
    await eventually('all have arrived', async () => (await child.call<string[]>('heard')).length === 200);
    const heard = await child.call<string[]>('heard');
    expect(heard.filter((order) => order.startsWith('first'))).toEqual(sent.first);
    expect(heard.filter((order) => order.startsWith('second'))).toEqual(sent.second);
  }
});

test('a process that was stopped for longer than a heartbeat misses no message and reports no gap', async () => {
  const { children } = await processes(2);
  const [frozen, other] = children as [(typeof children)[0], (typeof children)[0]];
  process.kill(frozen.pid, 'SIGSTOP');
  const sent = numbered('meanwhile', 300);
  await other.call('publish', sent);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  process.kill(frozen.pid, 'SIGCONT');
  await eventually('all have arrived', async () => (await frozen.call<string[]>('heard')).length === 300);
  expect(await frozen.call('heard')).toEqual(sent);
  expect(await frozen.call('gaps')).toEqual([]);
});

test('after Redis was frozen or killed every process reports a gap and receives later messages', async () => {
  const { server, children } = await processes(2);
  server.freeze();
  await server.restart();
  for (const child of children) {
    await eventually('the gap is told', async () => (await child.call<number[]>('gaps')).length > 0);
  }
  await eventually('publishing works', () =>
    children[0]!.call('publish', ['after']).then(
      () => true,
      () => false,
    ),
  );
  for (const child of children) {
    await eventually('it is heard', async () => (await child.call<string[]>('heard')).includes('after'));
  }
});
