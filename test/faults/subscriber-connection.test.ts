import { connect, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { closeRedis, type RedisClient } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';
import type { SubscriberConnection } from '../../src/subscriptions/connection-api.js';
import { subscriberConnectionOf } from '../../src/subscriptions/subscriber-connection.js';
import { freePort } from '../../src/testing/free-port.js';
import { eventually } from '../support/eventually.js';
import { watchLostTime } from '../support/lost-time.js';
import { startProxy } from '../support/proxy.js';
import { startRedis } from '../support/redis.js';
import { everyClient, recordingLogger } from './clients.js';

const SILENCE_NOTICED_WITHIN_MS = 1_100;

async function redisForTest(port?: number) {
  const server = await startRedis(port ? { port } : {});
  onTestFinished(() => server.stop());
  return server;
}

async function proxyTo(port: number) {
  const proxy = await startProxy(port);
  onTestFinished(() => proxy.close());
  return proxy;
}

function clientOf(port: number, options = {}) {
  const client = new Redis({ host: '127.0.0.1', port, ...options });
  const logger = recordingLogger();
  linkTo(client, logger);
  onTestFinished(() => closeRedis(client, { timeoutMs: 100 }));
  return { client, logger };
}

/** A connection that listens to `orders`, and what it went through. */
async function listening(client: RedisClient) {
  const connection = subscriberConnectionOf(client);
  const heard: string[] = [];
  const events: string[] = [];
  const gaps: number[] = [];
  connection.onGap(({ sinceMs }) => {
    events.push('gap');
    gaps.push(sinceMs);
  });
  connection.onRestored(() => events.push('restored'));
  await connection.listen('orders', (text) => heard.push(text), { timeoutMs: 10_000 });
  return { connection, heard, events, gaps };
}

async function publishTo(port: number, text: string): Promise<void> {
  const direct = new Redis({ host: '127.0.0.1', port });
  await direct.publish('orders', text);
  direct.disconnect();
}

const toldOnce = ({ lines }: ReturnType<typeof recordingLogger>) =>
  lines.map(({ level }) => level).join() === 'error,info';
const restored = (of: { events: string[] }) => of.events.at(-1) === 'restored';

describe('whatever the settings of the client', () => {
  test('messages arrive again after cut connections and a restart of Redis', async () => {
    const server = await redisForTest();
    const proxy = await proxyTo(server.port);
    const clients = everyClient(proxy.port);
    onTestFinished(async () => {
      await Promise.all(clients.map(({ client }) => closeRedis(client, { timeoutMs: 100 })));
    });
    const all = await Promise.all(clients.map(({ client }) => listening(client)));
    proxy.sever();
    await eventually('all listen again', () => all.every(restored));
    await publishTo(server.port, 'after the cut');
    await eventually('all hear', () => all.every(({ heard }) => heard.length === 1));

    await server.restart();
    await eventually('all listen again', () => all.every(({ events }) => events.length === 4), {
      withinMs: 15_000,
    });
    await publishTo(server.port, 'after the restart');
    await eventually('all hear', () => all.every(({ heard }) => heard.length === 2));
    for (const { events, gaps, heard } of all) {
      expect(events).toEqual(['gap', 'restored', 'gap', 'restored']);
      expect(gaps.every((sinceMs) => sinceMs > 0)).toBe(true);
      expect(heard).toEqual(['after the cut', 'after the restart']);
    }
    for (const { name, logger } of clients) {
      const errors = logger.lines.filter(({ level }) => level === 'error').map(({ message }) => message);
      expect(errors, name).toEqual([...new Set(errors)]);
    }
  });
});

describe('a connection that falls silent', () => {
  test.each<[string, (faulty: { freeze(): void; swallow(): void }) => void]>([
    ['because its peer holds everything back', (proxy) => proxy.freeze()],
    ['because everything is dropped on the way', (proxy) => proxy.swallow()],
  ])('%s is noticed and replaced', async (_name, fault) => {
    const server = await redisForTest();
    const proxy = await proxyTo(server.port);
    const { client } = clientOf(proxy.port, { retryStrategy: null });
    const { connection, heard, events, gaps } = await listening(client);
    const before = connection.clientId();
    expect(connection.isHealthy()).toBe(true);
    const lost = watchLostTime();
    const began = performance.now();
    fault(proxy);
    await eventually('the gap is told', () => events.length === 1, { everyMs: 5 });
    const tookMs = performance.now() - began;
    expect(tookMs - lost.lostMs()).toBeLessThan(SILENCE_NOTICED_WITHIN_MS);
    // What was published since the fault began may be missing, and is inside the time that was told.
    expect(gaps[0]).toBeGreaterThanOrEqual(Math.floor(tookMs) - 50);
    expect([connection.isHealthy(), connection.clientId()]).toEqual([false, undefined]);
    proxy.sever();
    proxy.thaw();
    await eventually('it listens again', () => connection.isHealthy());
    expect(events).toEqual(['gap', 'restored']);
    expect(connection.clientId()).not.toBe(before);
    await publishTo(server.port, 'again');
    await eventually('it hears', () => heard.at(-1) === 'again');
  });

  test('is not trusted after the process itself was blocked, until it has answered', async () => {
    const server = await redisForTest();
    const { client } = clientOf(server.port);
    const { connection, events } = await listening(client);
    const until = performance.now() + SILENCE_NOTICED_WITHIN_MS;
    while (performance.now() < until);
    expect(connection.isHealthy()).toBe(false);
    await eventually('it has answered', () => connection.isHealthy());
    expect(events).toEqual([]);
  });

  test('because Redis is frozen is not trusted', async () => {
    const server = await redisForTest();
    const { client, logger } = clientOf(server.port);
    const { connection, heard, events } = await listening(client);
    server.freeze();
    await eventually('it is not trusted', () => !connection.isHealthy(), { everyMs: 5 });
    await eventually('the outage is told', () => logger.lines.length === 1);
    server.thaw();
    await eventually('it listens again', () => connection.isHealthy());
    await publishTo(server.port, 'thawed');
    await eventually('it hears', () => heard.includes('thawed'));
    expect(events).toEqual(['gap', 'restored']);
    await eventually('the end of the outage is told', () => toldOnce(logger));
    expect(logger.lines[0]!.message).toContain('Redis is unavailable');
  });

  test('only because a large message takes long is kept', async () => {
    const server = await redisForTest();
    const narrow = await narrowProxyTo(server.port);
    const { client } = clientOf(narrow);
    const { heard, events } = await listening(client);
    const large = 'x'.repeat(5_000_000);
    await publishTo(server.port, large);
    await eventually('it has arrived', () => heard.length === 1, { withinMs: 15_000 });
    expect(heard[0]!.length).toBe(large.length);
    expect(events).toEqual([]);
  });
});

describe('a first connection that fails', () => {
  const hears = async (connection: SubscriberConnection, options = {}) => {
    const heard: string[] = [];
    const outcome = await connection
      .listen('orders', (text) => heard.push(text), { timeoutMs: 10_000, ...options })
      .then(
        () => 'listening',
        (error) => error.code,
      );
    return { heard, outcome };
  };

  test('rejects listen(), and the listener receives messages as soon as Redis is there', async () => {
    const port = await freePort();
    const { client, logger } = clientOf(port);
    const connection = subscriberConnectionOf(client);
    const told: string[] = [];
    connection.onRestored(() => told.push('restored'));
    const first = await hears(connection);
    const aborting = new AbortController();
    const second = await hears(connection, { signal: aborting.signal });
    expect([first.outcome, second.outcome]).toEqual(['REDIS_UNAVAILABLE', 'REDIS_UNAVAILABLE']);
    aborting.abort();
    const server = await redisForTest(port);
    await eventually('it listens', () => connection.isHealthy());
    await publishTo(server.port, 'there');
    await eventually('the first hears', () => first.heard.length === 1);
    expect(second.heard).toEqual([]);
    expect(told).toEqual(['restored']);
    await eventually('the end of the outage is told', () => toldOnce(logger));
  });

  test('rejects listen() within its deadline when Redis accepts and never answers', async () => {
    const server = await redisForTest();
    server.freeze();
    const { client } = clientOf(server.port);
    const lost = watchLostTime();
    const began = performance.now();
    const { outcome } = await hears(subscriberConnectionOf(client), { timeoutMs: 300 });
    expect(outcome).toBe('REDIS_UNAVAILABLE');
    expect(performance.now() - began - lost.lostMs()).toBeLessThan(450);
  });
});

test('thousands of channels and patterns are subscribed again', async () => {
  const server = await redisForTest();
  const { client } = clientOf(server.port);
  const connection = subscriberConnectionOf(client);
  const heard = new Set<string>();
  const channels = Array.from({ length: 2_500 }, (_, i) => `channel-${i}`);
  await Promise.all([
    ...channels.map((channel) => connection.listen(channel, () => heard.add(channel), { timeoutMs: 15_000 })),
    connection.listenToPattern('pattern-*', (_text, channel) => heard.add(channel), { timeoutMs: 15_000 }),
  ]);
  let isRestored = false;
  connection.onRestored(() => {
    isRestored = true;
  });
  const direct = new Redis(server.url);
  onTestFinished(() => direct.disconnect());
  await direct.call('CLIENT', 'KILL', 'ID', String(connection.clientId()));
  await eventually('it listens again', () => isRestored, { withinMs: 15_000 });
  const pipeline = direct.pipeline();
  for (const channel of [...channels, 'pattern-1']) pipeline.publish(channel, '');
  await pipeline.exec();
  await eventually('all have heard', () => heard.size === channels.length + 1, { withinMs: 15_000 });
});

test('a Redis that is too busy for SUBSCRIBE is subscribed to as soon as it is free', async () => {
  const server = await redisForTest();
  const { client } = clientOf(server.port, { enableReadyCheck: false });
  const { connection } = await listening(client);
  const direct = new Redis(server.url);
  onTestFinished(() => direct.disconnect());
  await direct.config('SET', 'busy-reply-threshold', '1');
  const script = direct.eval('while true do end', 0).catch(() => undefined);
  const observer = new Redis(server.url, { enableReadyCheck: false });
  onTestFinished(() => observer.disconnect());
  await eventually('it is busy', () =>
    observer.get('key').then(
      () => false,
      (error: Error) => error.message.startsWith('BUSY'),
    ),
  );
  const heard: string[] = [];
  const late = connection.listen('late', (text) => heard.push(text), { timeoutMs: 10_000 });
  const outcome = late.then(
    () => 'listening',
    (error) => error.code,
  );
  await eventually('it was not let in', () => !connection.isHealthy());
  await observer.call('SCRIPT', 'KILL');
  await script;
  expect(['listening', 'REDIS_UNAVAILABLE']).toContain(await outcome);
  await eventually('it hears', async () => {
    await observer.publish('late', 'heard');
    return heard.length > 0;
  });
});

test('when only the subscriber connection cannot connect, one line each way is logged, and commands still work', async () => {
  const server = await redisForTest();
  const { client, logger } = clientOf(server.port);
  const { connection, heard } = await listening(client);
  const direct = new Redis(server.url);
  onTestFinished(() => direct.disconnect());
  await direct.config('SET', 'maxclients', '2');
  await direct.call('CLIENT', 'KILL', 'ID', String(connection.clientId()));
  await eventually('it is told', () => logger.lines.length === 1);
  expect(await linkTo(client).send('echo', ['still'], { timeoutMs: 5_000 })).toBe('still');
  await direct.config('SET', 'maxclients', '100');
  await eventually('its end is told', () => logger.lines.length === 2);
  await direct.publish('orders', 'again');
  await eventually('it hears', () => heard.length === 1);
  expect(logger.lines).toEqual([
    {
      level: 'error',
      message: 'The subscriber connection is lost; until it is back no messages arrive',
    },
    { level: 'info', message: expect.stringContaining('available again') },
  ]);
});

test('a listener that throws is logged, and all other listeners get the message', async () => {
  const server = await redisForTest();
  const { client, logger } = clientOf(server.port);
  const connection = subscriberConnectionOf(client);
  await connection.listen('orders', () => {
    throw new Error('a bug');
  });
  const { heard } = await listening(client);
  await publishTo(server.port, 'one');
  await eventually('the other hears', () => heard.length === 1);
  expect(logger.lines).toEqual([
    { level: 'error', message: 'a listener of the subscriber connection threw' },
  ]);
});

test('invalidated keys come one per message, and as an empty text when all keys are gone', async () => {
  const server = await redisForTest();
  const { client } = clientOf(server.port);
  const connection = subscriberConnectionOf(client);
  const heard: string[] = [];
  await connection.listen('__redis__:invalidate', (key) => heard.push(key));
  await client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(connection.clientId()), 'BCAST');
  const direct = new Redis(server.url);
  onTestFinished(() => direct.disconnect());
  await direct.mset('a,b', '1', 'c', '2');
  await eventually('both have arrived', () => heard.length === 2);
  await direct.flushall();
  await eventually('so has the flush', () => heard.length === 3);
  expect(heard).toEqual(['a,b', 'c', '']);
});

/** Lets 3 MB a second through, which is more than a heartbeat late for what comes behind. */
async function narrowProxyTo(port: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      client.write(chunk);
      upstream.pause();
      setTimeout(() => upstream.resume(), chunk.length / 3_000);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}
