import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis } from '../../../../src/redis/connect.js';
import { linkTo } from '../../../../src/redis/link.js';
import { Availability } from '../../../../src/redis/servers/outage-detection.js';
import { ServerConnection } from '../../../../src/redis/servers/server-connection.js';
import { recordingLogger } from '../../../faults/clients.js';
import { eventually } from '../../../support/eventually.js';
import { startRedis } from '../../../support/redis.js';

async function watchedRedis() {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const logger = recordingLogger();
  const client = connectRedis({ url: server.url, logger });
  onTestFinished(() => closeRedis(client, { timeoutMs: 100 }));
  const ask = () => linkTo(client).send('ping', [], { timeoutMs: 80 });
  await ask();
  const outages = counting('unavailable');
  const freeze = async () => {
    const before = outages();
    server.freeze();
    await expect(ask()).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await eventually('the outage begins', () => outages() === before + 1);
  };
  return { server, client, logger, ask, freeze };
}

function counting(name: string): () => number {
  let count = 0;
  const note = () => {
    count++;
  };
  subscribe(`express-redis-toolkit:${name}`, note);
  onTestFinished(() => void unsubscribe(`express-redis-toolkit:${name}`, note));
  return () => count;
}

test('three outages in a row are one log line each way and three diagnostics events each way', async () => {
  const { server, logger, freeze } = await watchedRedis();
  const [unavailable, recovered] = [counting('unavailable'), counting('recovered')];
  for (let round = 1; round <= 3; round++) {
    await freeze();
    server.thaw();
    await eventually('it recovered', () => recovered() === round);
  }
  expect(unavailable()).toBe(3);
  expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'info']);
});

test('the log lines name the trouble, the server, and the length of the outage', async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const fields: object[] = [];
  const messages: string[] = [];
  const note = (about: object, message: string) => {
    fields.push(about);
    messages.push(message);
  };
  const client = connectRedis({ url: server.url, logger: { info: note, warn: note, error: note } });
  onTestFinished(() => closeRedis(client, { timeoutMs: 100 }));
  const ask = () => linkTo(client).send('ping', [], { timeoutMs: 80 });
  await ask();
  server.freeze();
  await ask().catch(() => undefined);
  await eventually('the outage is logged', () => messages.length === 1);
  server.thaw();
  await eventually('it recovered', () => messages.length === 2);
  const name = `127.0.0.1:${server.port}`;
  expect(fields[0]).toMatchObject({ code: 'REDIS_UNAVAILABLE', server: name, err: expect.any(Error) });
  expect(messages[0]).toMatch(/^Redis is unavailable; until it answers again/);
  expect(fields[1]).toEqual({ outageMs: expect.any(Number), server: name });
  expect(messages[1]).toMatch(/^Redis is available again after \d+ ms$/);
});

test('during an outage commands fail at once, with the cause of the outage', async () => {
  const { ask, freeze } = await watchedRedis();
  await freeze();
  // Sooner than any timer can run: nothing was waited for.
  let timerRan = false;
  const timer = setTimeout(() => {
    timerRan = true;
  }, 1);
  const errors = await Promise.all(Array.from({ length: 1_000 }, () => ask().catch((error: Error) => error)));
  expect(timerRan).toBe(false);
  clearTimeout(timer);
  expect((errors[0] as Error).cause).toMatchObject({ message: 'no answer to PING within 80 ms' });
});

test('after retire() an availability begins no outage and logs nothing', async () => {
  const { server, client } = await watchedRedis();
  server.freeze();
  const logger = recordingLogger();
  const availability = new Availability(new ServerConnection(client), {
    logger: () => logger,
    longestDeadlineMs: () => 0,
  });
  availability.retire();
  availability.beginOutage(new Error('lost'));
  expect(availability.outage).toBeUndefined();
  expect(logger.lines).toEqual([]);
});
