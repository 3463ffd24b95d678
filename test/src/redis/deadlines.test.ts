import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { Deadlines } from '../../../src/redis/deadlines.js';
import { linkTo } from '../../../src/redis/link.js';
import { recordingLogger } from '../../faults/clients.js';
import { watchLostTime } from '../../support/lost-time.js';

function watched(deadlines: Deadlines, timeoutMs: number) {
  const start = performance.now();
  const pending = { settled: false, expiredAfterMs: undefined as number | undefined, expire: () => {} };
  pending.expire = () => {
    pending.expiredAfterMs = performance.now() - start;
  };
  deadlines.add(pending, timeoutMs);
  return pending;
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('every deadline expires at its own time, whatever the order of adding', async () => {
  const deadlines = new Deadlines();
  const machine = watchLostTime();
  const allowances = [200, 50, 120, 50, 200, 0, 1];
  const all = allowances.map((ms) => watched(deadlines, ms));
  await sleep(30);
  const later = watched(deadlines, 50);
  await vi.waitFor(
    () => expect([...all, later].every((one) => one.expiredAfterMs !== undefined)).toBe(true),
    5_000,
  );
  const lostMs = machine.lostMs();
  for (const [index, { expiredAfterMs }] of [...all, later].entries()) {
    const allowance = [...allowances, 50][index]!;
    expect(expiredAfterMs).toBeGreaterThanOrEqual(allowance);
    expect(expiredAfterMs).toBeLessThan(allowance + 50 + lostMs);
  }
});

test('a settled deadline does not expire, and does not delay the next', async () => {
  const deadlines = new Deadlines();
  const machine = watchLostTime();
  const [settled, other] = [watched(deadlines, 20), watched(deadlines, 20)];
  settled.settled = true;
  await sleep(80);
  expect(settled.expiredAfterMs).toBeUndefined();
  expect(other.expiredAfterMs).toBeLessThan(70 + machine.lostMs());
});

test.each([
  ['before the command was written', block],
  ['with the answer in the socket', (ms: number) => setImmediate(() => setImmediate(() => block(ms)))],
])('an event loop blocked %s is no outage', async (_when, blockThen) => {
  const logger = recordingLogger();
  const client = connectRedis({ url: inject('redisUrl'), logger });
  onTestFinished(() => closeRedis(client));
  const link = linkTo(client);
  await link.send('ping', [], { timeoutMs: 1_000 });
  for (let round = 0; round < 8; round++) {
    const answer = link.send('echo', [`${round}`], { timeoutMs: 50 });
    blockThen(100);
    await expect(answer).resolves.toBe(`${round}`);
  }
  expect(logger.lines).toEqual([]);
});

test('a command to a server that accepts and never answers fails within its deadline', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const client = connectRedis({ host: '127.0.0.1', port, logger: recordingLogger() });
  onTestFinished(async () => {
    await closeRedis(client, { timeoutMs: 1 });
    server.close();
  });
  const machine = watchLostTime();
  const start = performance.now();
  await expect(linkTo(client).send('ping', [], { timeoutMs: 80 })).rejects.toMatchObject({
    code: 'REDIS_UNAVAILABLE',
    status: 503,
  });
  expect(performance.now() - start).toBeLessThan(130 + machine.lostMs());
});
