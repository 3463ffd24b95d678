import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connectRedis, type RedisClient } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';
import { recordingLogger } from '../faults/clients.js';
import { eventually } from '../support/eventually.js';
import { startSentinel, type TestSentinel } from '../support/sentinel.js';
import { attemptsBehave } from './attempts.js';
import { linkBehaves } from './link.js';
import { locksBehave } from './locks.js';
import { middlewaresBehave } from './middlewares.js';
import { messagesArrive } from './pubsub.js';

let sentinel: TestSentinel;
let client: RedisClient;
let logger: ReturnType<typeof recordingLogger>;

const bySentinel = () => {
  beforeAll(async () => {
    sentinel = await startSentinel();
    logger = recordingLogger();
    const { sentinels, name } = sentinel;
    client = connectRedis({ sentinels, name, failoverDetector: true, logger });
  });
  afterAll(async () => {
    client.disconnect();
    await sentinel.stop();
  });
};

const takesWrites = (value: string) => () =>
  linkTo(client)
    .send('set', ['written', value], { timeoutMs: 200 })
    .then(
      () => true,
      () => false,
    );

describe('by way of Sentinel', () => {
  bySentinel();
  linkBehaves(() => client);
  middlewaresBehave(() => client);
  messagesArrive(() => client);
  locksBehave(() => client);
  attemptsBehave(() => client);

  test('after a failover the new primary serves', async () => {
    await sentinel.failover();
    await eventually(
      'what is written arrives there',
      async () => {
        const direct = new Redis(sentinel.replica.url);
        const arrived = (await takesWrites('failover')()) && (await direct.get('written')) === 'failover';
        direct.disconnect();
        return arrived;
      },
      { withinMs: 2_000 },
    );
  });
});

describe('by way of Sentinel', () => {
  bySentinel();

  test('a primary that freezes is left for the one that the Sentinels elect', async () => {
    await eventually('it takes writes', takesWrites('before'));
    sentinel.primary.freeze();
    onTestFinished(() => sentinel.primary.thaw());
    await eventually('it takes writes', takesWrites('after'), { withinMs: 15_000 });
    const direct = new Redis(sentinel.replica.url);
    onTestFinished(() => direct.disconnect());
    expect(await direct.get('written')).toBe('after');
    expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'info']);
  });
});
