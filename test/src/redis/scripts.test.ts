import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { linkTo } from '../../../src/redis/link.js';
import { loadScript, type Script } from '../../../src/redis/scripts.js';
import { recordingLogger } from '../../faults/clients.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis.js';

const lua = "return redis.call('INCR', KEYS[1])";
const count: Script = { name: 'count', lua, sha: createHash('sha1').update(lua).digest('hex') };

async function counterOnOwnRedis() {
  const server = await startRedis();
  const client = connectRedis({ url: server.url, logger: recordingLogger() });
  onTestFinished(async () => {
    await closeRedis(client);
    await server.stop();
  });
  const increment = () => linkTo(client).run<number>(count, ['counter'], [], { timeoutMs: 500 });
  return { server, client, increment };
}

test('loading a script that does not exist throws', () => {
  expect(() => loadScript('no-such-script')).toThrow(/no-such-script\.lua/);
});

test('after SCRIPT FLUSH scripts still work, also concurrent calls, and each call counts once', async () => {
  const { client, increment } = await counterOnOwnRedis();
  for (let round = 0; round < 3; round++) {
    await client.script('FLUSH');
    const counts = await Promise.all(Array.from({ length: 20 }, increment));
    const expected = Array.from({ length: 20 }, (_, index) => round * 20 + index + 1);
    expect(counts.sort((a, b) => a - b)).toEqual(expected);
  }
});

test('scripts work after a restart of the server', async () => {
  const { server, increment } = await counterOnOwnRedis();
  expect(await increment()).toBe(1);
  await server.restart();
  await eventually('it answers again', () =>
    increment().then(
      () => true,
      () => false,
    ),
  );
  const counts = await Promise.all(Array.from({ length: 20 }, increment));
  expect(Math.max(...counts)).toBe(21);
});

test('a known script is sent by its digest alone', async () => {
  const { server, increment } = await counterOnOwnRedis();
  await increment();
  const observer = new Redis(server.url);
  onTestFinished(() => observer.disconnect());
  await observer.config('RESETSTAT');
  await Promise.all(Array.from({ length: 10 }, increment));
  const stats = await observer.info('commandstats');
  expect(stats).toMatch(/cmdstat_evalsha:calls=10,/);
  expect(stats).not.toContain('cmdstat_eval:');
});
