import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import type { ToolkitError } from '../../../src/errors.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { linkTo } from '../../../src/redis/link.js';
import { recordingLogger } from '../../faults/clients.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis.js';

const ask = { timeoutMs: 500 };

const asError = (error: ToolkitError): { code?: string; cause?: Error } => error as never;

function linkWithLog(url: string) {
  const logger = recordingLogger();
  const client = connectRedis({ url, logger });
  onTestFinished(() => closeRedis(client));
  return { client, link: linkTo(client), logger };
}

async function ownRedis(args: string[] = []) {
  const server = await startRedis({ args });
  onTestFinished(() => server.stop());
  return server;
}

test('a client has one link, also when asked for twice', () => {
  const { client, link } = linkWithLog(inject('redisUrl'));
  expect(linkTo(client)).toBe(link);
});

test('a mistaken command fails as REDIS_COMMAND_FAILED with its cause, and is no outage', async () => {
  const { link, logger } = linkWithLog((await ownRedis()).url);
  await link.send('set', ['text', 'x'], ask);
  const error = await link.send<never>('hget', ['text', 'f'], ask).catch(asError);
  expect(error).toMatchObject({ name: 'ToolkitError', code: 'REDIS_COMMAND_FAILED', status: 500 });
  expect(error.cause?.message).toMatch(/^WRONGTYPE/);
  expect(await link.send('get', ['text'], ask)).toBe('x');
  expect(logger.lines).toEqual([]);
});

test('a full Redis is unavailable for writes, and goes on answering reads', async () => {
  const server = await ownRedis(['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
  const { link, logger } = linkWithLog(server.url);
  const error = await link.send<never>('set', ['k', 'v'], ask).catch(asError);
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', status: 503 });
  expect(error.cause?.message).toMatch(/^OOM/);
  expect(await link.send('get', ['k'], ask)).toBeNull();
  expect(logger.lines).toEqual([]);
});

test('a Redis that a script keeps busy is unavailable until the script is killed', async () => {
  const server = await ownRedis(['--busy-reply-threshold', '10']);
  const { link } = linkWithLog(server.url);
  const culprit = new Redis(server.url);
  onTestFinished(() => culprit.disconnect());
  await link.send('ping', [], ask);
  culprit.eval('while true do end', 0).catch(() => undefined);
  await eventually(
    'it is busy',
    async () => (await link.send<never>('get', ['k'], ask).catch(asError)) !== null,
  );
  const error = await link.send<never>('get', ['k'], ask).catch(asError);
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  const observer = new Redis(server.url, { enableReadyCheck: false, protocol: 2 });
  onTestFinished(() => observer.disconnect());
  await observer.script('KILL');
  await eventually(
    'it answers again',
    async () => (await link.send<never>('get', ['k'], ask).catch(asError)) === null,
    {
      withinMs: 1_000,
    },
  );
});

test('a replica is unavailable for writes, and serves them once it is the primary', async () => {
  const primary = await ownRedis();
  const replica = await ownRedis(['--replicaof', '127.0.0.1', `${primary.port}`]);
  const { client, link } = linkWithLog(replica.url);
  const error = await link.send<never>('set', ['k', 'v'], ask).catch(asError);
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  expect(error.cause?.message).toMatch(/^READONLY/);
  await eventually('it reconnected', () => client.status === 'ready');
  const observer = new Redis(replica.url);
  onTestFinished(() => observer.disconnect());
  await observer.call('REPLICAOF', 'NO', 'ONE');
  await eventually(
    'it takes writes',
    () =>
      link.send('set', ['k', 'v'], ask).then(
        () => true,
        () => false,
      ),
    { withinMs: 1_000 },
  );
});

test('a Redis that is loading its data is unavailable, and back when it has loaded', async () => {
  // 1000 keys of 1 ms each (key-load-delay, in microseconds).
  const server = await ownRedis(['--enable-debug-command', 'yes', '--key-load-delay', '1000']);
  const { link, logger } = linkWithLog(server.url);
  const other = new Redis(server.url);
  onTestFinished(() => other.disconnect());
  await other.call('DEBUG', 'POPULATE', '1000');
  const reloaded = other.call('DEBUG', 'RELOAD');
  const causes = new Set<string>();
  await eventually('it is loading', async () => {
    const error = await link.send<never>('get', ['k'], { timeoutMs: 100 }).catch(asError);
    if (error?.code === 'REDIS_UNAVAILABLE') causes.add(error.cause!.message);
    return causes.size > 0;
  });
  await reloaded;
  await eventually(
    'it answers again',
    () =>
      link.send('get', ['k'], ask).then(
        () => true,
        () => false,
      ),
    { withinMs: 1_000 },
  );
  expect([...causes]).toEqual([expect.stringMatching(/LOADING|no answer/)]);
  expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'info']);
});

test('bulk replies are text, or bytes when asked for', async () => {
  const { link } = linkWithLog((await ownRedis()).url);
  const bytes = Buffer.from([0, 255, 13, 10, 128]);
  await link.send('set', ['k', bytes], ask);
  expect(await link.send('get', ['k'], { ...ask, as: 'bytes' })).toEqual(bytes);
  await link.send('set', ['k', 'é'], ask);
  expect(await link.send('get', ['k'], ask)).toBe('é');
});

test("the commands of one turn are one write, in order, whatever the client's pipelining", async () => {
  const client = new Redis((await ownRedis()).url, { enableAutoPipelining: false });
  onTestFinished(() => client.disconnect());
  const link = linkTo(client, recordingLogger());
  await link.send('ping', [], ask);
  const write = vi.spyOn(client.stream, 'write');
  const replies = await Promise.all([
    ...Array.from({ length: 50 }, () => link.send('incr', ['n'], ask)),
    link.send('set', ['bytes', Buffer.from([1, 2])], ask),
  ]);
  expect(write).toHaveBeenCalledTimes(1);
  expect(replies).toEqual([...Array.from({ length: 50 }, (_, index) => index + 1), 'OK']);
});

test('endOfTurn resolves when nothing is sent in the turn, and when Redis cannot be asked', async () => {
  const { client, link } = linkWithLog(inject('redisUrl'));
  await link.endOfTurn();
  client.disconnect();
  await eventually('it is closed', () => client.status === 'end');
  await link.endOfTurn();
});

test('all callers of endOfTurn continue in the same turn, before any answer to a command of that turn', async () => {
  const { link } = linkWithLog(inject('redisUrl'));
  await link.send('ping', [], ask);
  const order: string[] = [];
  await Promise.all([
    link.send('ping', [], ask).then(() => order.push('answer')),
    link.endOfTurn().then(() => order.push('first')),
    link.endOfTurn().then(() => order.push('second')),
  ]);
  expect(order).toEqual(['first', 'second', 'answer']);
});
