import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { ToolkitError } from '../../src/errors.js';
import { FallbackReporter } from '../../src/fallback-reporter.js';
import { linkTo } from '../../src/redis/link.js';
import { recordingLogger } from '../faults/clients.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type TestRedis } from '../support/redis.js';

vi.mock('../../src/timers.js', () => import('../support/fakeable-timers.js'));

let server: TestRedis;
let admin: Redis;
beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

function published(): unknown[] {
  const events: unknown[] = [];
  const note = (event: unknown) => void events.push(event);
  subscribe('express-redis-toolkit:fallback', note);
  onTestFinished(() => void unsubscribe('express-redis-toolkit:fallback', note));
  return events;
}

/** A middleware that writes, and does without Redis when it cannot. */
function middlewareOn(url = server.url, options = {}) {
  const redis = new Redis(url, options);
  onTestFinished(() => redis.disconnect());
  const logger = recordingLogger();
  const link = linkTo(redis, logger);
  const reporter = new FallbackReporter('rateLimit', link);
  const write = (command = 'set') =>
    link.send(command, ['key', '1'], { timeoutMs: 500 }).then(
      () => reporter.succeeded(),
      (error: ToolkitError) => reporter.applied('open', 'requests are not limited', error),
    );
  return { logger, link, reporter, write };
}

async function full(isFull: boolean) {
  await admin.config('SET', 'maxmemory', isFull ? '1' : '0');
}

test('each application of onUnavailable is published, and logged once per outage and cause', async () => {
  const events = published();
  const { logger, write } = middlewareOn();
  let now = performance.now();
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => void vi.restoreAllMocks());
  await full(true);
  for (let asked = 0; asked < 50; asked++) await write();
  expect(events).toHaveLength(50);
  expect(events[0]).toMatchObject({
    middleware: 'rateLimit',
    onUnavailable: 'open',
    reason: 'OOM',
    error: { code: 'REDIS_UNAVAILABLE' },
  });
  const line = {
    level: 'warn',
    message: expect.stringMatching(
      /^rateLimit: Redis is unavailable: OOM .*; requests are not limited \(onUnavailable: "open"\)$/,
    ),
  };
  expect(logger.lines).toEqual([line]);

  await full(false);
  await write();
  now += 11_000;
  await full(true);
  for (let asked = 0; asked < 50; asked++) await write();
  expect(logger.lines).toEqual([line, line]);
  await full(false);
});

test('another cause is another line, and one that waiting does not cure is an error', async () => {
  await admin.acl('SETUSER', 'limited', 'reset', 'on', '>secret', '~*', '+@all', '-append');
  const { logger, write } = middlewareOn(server.url, { username: 'limited', password: 'secret' });
  await full(true);
  for (let asked = 0; asked < 5; asked++) {
    await write('set');
    await write('append');
  }
  await full(false);
  expect(logger.lines).toMatchObject([
    { level: 'warn', message: expect.stringContaining('OOM') },
    { level: 'error', message: expect.stringMatching(/^rateLimit: Redis forbids APPEND/) },
  ]);
});

test('an outage of the client is published each time, and logged by the link alone', async () => {
  const events = published();
  const own = await startRedis();
  onTestFinished(() => own.stop());
  const { logger, link, write } = middlewareOn(own.url);
  await write();
  await own.kill();
  await eventually('the outage is announced', () => link.isOutageAnnounced);
  for (let asked = 0; asked < 20; asked++) await write();
  expect(events).toHaveLength(20);
  expect(logger.lines.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^Redis is unavailable; until it answers again/),
  ]);
});

test('work that fails beside the requests, such as a purge, is logged once per outage', async () => {
  const { logger, link, reporter } = middlewareOn();
  await full(true);
  for (let purges = 0; purges < 10; purges++) {
    await link.send('set', ['key', '1'], { timeoutMs: 500 }).catch((error: unknown) => {
      reporter.failed('a purge failed', error, { tags: ['user:7'] });
    });
  }
  await full(false);
  expect(logger.lines).toEqual([{ level: 'error', message: 'a purge failed' }]);
});
