import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { ToolkitError } from '../../../src/errors.js';
import { subscriber } from '../../../src/messages/index.js';
import { closeRedis, connectRedis, ping } from '../../../src/redis/connect.js';
import { linkTo } from '../../../src/redis/link.js';
import { recordingLogger } from '../../faults/clients.js';
import { watchLostTime } from '../../support/lost-time.js';
import { startProxy } from '../../support/proxy.js';
import { startRedis } from '../../support/redis.js';

function connect(...target: Parameters<typeof connectRedis>) {
  const client = connectRedis(...target);
  onTestFinished(() => closeRedis(client));
  return client;
}

const portOf = (url: string) => Number(new URL(url).port);

test('connects to a URL, to options, to REDIS_URL, and otherwise to 127.0.0.1:6379', async () => {
  const url = inject('redisUrl');
  const fromUrl = connect(url);
  const fromOptions = connect({ url, db: 3, connectionName: 'mine' });
  const fromHost = connect({ host: '127.0.0.1', port: portOf(url) });
  for (const client of [fromUrl, fromOptions, fromHost]) await ping(client);
  expect(await fromOptions.client('INFO')).toMatch(/name=mine .* db=3 /);

  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('REDIS_URL', url);
  const fromEnvironment = connect();
  await ping(fromEnvironment);
  expect(connect({ host: '127.0.0.1', port: 1, lazyConnect: true }).options.port).toBe(1);
  vi.stubEnv('REDIS_URL', undefined);
  const { host, port } = connect({ lazyConnect: true }).options;
  expect([host, port]).toEqual([expect.stringMatching(/^(localhost|127\.0\.0\.1)$/), 6379]);
});

test('each connection has a name for CLIENT LIST, from connectionName if it is given', async () => {
  const url = inject('redisUrl');
  const plain = connect(url);
  expect(await plain.client('GETNAME')).toBe('express-redis-toolkit');
  const ignoring = connect({ url, autoPipeliningIgnoredCommands: ['get'] });
  expect(await ignoring.client('GETNAME')).toBe('express-redis-toolkit');
  const mine = connect({ url, connectionName: 'mine' });
  const events = subscriber(mine);
  onTestFinished(() => events.close());
  await events.on('named', () => undefined);
  expect(await mine.client('GETNAME')).toBe('mine');
  expect(await mine.client('LIST', 'TYPE', 'PUBSUB')).toMatch(/ name=mine:subscriber /);
});

test.each([5, null, true])('connectRedis refuses %o as a target', (target) => {
  expect(() => connectRedis(target as never)).toThrow(ToolkitError);
  expect(() => connectRedis(target as never)).toThrow(/give a URL or an object of options/);
});

test('connectRedis does not change the options given, which may be frozen and win over its defaults', () => {
  const options = Object.freeze({ url: inject('redisUrl'), enableAutoPipelining: false, lazyConnect: true });
  expect(connect(options).options.enableAutoPipelining).toBe(false);
});

test("the application's own commands of one turn are one write", async () => {
  const proxy = await startProxy(portOf(inject('redisUrl')));
  onTestFinished(() => proxy.close());
  const client = connect(`redis://127.0.0.1:${proxy.port}`);
  await client.ping();
  proxy.writes.length = 0;
  await Promise.all([client.echo('one'), client.echo('two'), client.get('three')]);
  expect(proxy.writes).toHaveLength(1);
});

test("when the connection breaks, the application's own commands in flight fail and the next ones work", async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const client = connect({ url: server.url, logger: recordingLogger() });
  await client.ping();
  server.freeze();
  const lost = Promise.allSettled(Array.from({ length: 10 }, () => client.incr('own')));
  client.stream.destroy();
  for (const { status } of await lost) expect(status).toBe('rejected');
  server.thaw();
  expect(await client.echo('again')).toBe('again');
});

test('closeRedis waits for the commands in flight, and a second call changes nothing', async () => {
  const proxy = await startProxy(portOf(inject('redisUrl')));
  onTestFinished(() => proxy.close());
  const client = connectRedis(`redis://127.0.0.1:${proxy.port}`);
  await ping(client);
  proxy.delay(100);
  const answers = Array.from({ length: 20 }, (_, index) =>
    linkTo(client).send('echo', [`${index}`], { timeoutMs: 1_000 }),
  );
  await closeRedis(client);
  expect(await Promise.all(answers)).toEqual(answers.map((_, index) => `${index}`));
  await vi.waitFor(() => expect(client.status).toBe('end'));
  await closeRedis(client);
});

test('after closeRedis commands fail at once, and nothing is logged', async () => {
  const logger = recordingLogger();
  const client = connectRedis({ url: inject('redisUrl'), logger });
  await ping(client);
  await closeRedis(client);
  await expect(ping(client)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  expect(logger.lines).toEqual([]);
});

test('closeRedis closes a client that never connected at once', async () => {
  const client = connectRedis({ url: inject('redisUrl'), lazyConnect: true });
  await closeRedis(client);
  expect(client.status).toBe('end');
});

test('ping resolves when Redis answers, and rejects within its deadline when it does not', async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const client = connect({ url: server.url, logger: recordingLogger() });
  await expect(ping(client)).resolves.toBeUndefined();
  server.freeze();
  const machine = watchLostTime();
  const start = performance.now();
  await expect(ping(client, { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'REDIS_UNAVAILABLE',
    status: 503,
  });
  expect(performance.now() - start).toBeLessThan(150 + machine.lostMs());
  await closeRedis(client, { timeoutMs: 100 });
  // The socket is gone with it, and keeps no process alive.
  await vi.waitFor(() => expect(client.status).toBe('end'), { timeout: 200 });
});
