import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { subscriber } from '../../index.js';
import { redisForFile } from '../middleware/support/redis-for-file.js';
import { commandsOf, openShell } from './support/redis-layout-page.js';

const file = redisForFile();
const [publish] = commandsOf('Publish and listen');
let shell: Awaited<ReturnType<typeof openShell>>;
beforeAll(async () => {
  shell = await openShell(file.server.url);
});

test('an event that the commands publish is what the app hears', async () => {
  const listening = subscriber(file.redis, { timeoutMs: 10_000 });
  onTestFinished(() => listening.close());
  const heard: unknown[] = [];
  await listening.on('orders', (order) => heard.push(order));
  expect(await shell.run(publish!)).toEqual(['1']);
  await expect.poll(() => heard).toEqual([{ id: '7', state: 'paid' }]);
});
