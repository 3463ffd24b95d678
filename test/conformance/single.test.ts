import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { connectRedis, type RedisClient } from '../../src/redis/connect.js';
import { patient } from '../support/patient.js';
import { attemptsBehave } from './attempts.js';
import { linkBehaves } from './link.js';
import { locksBehave } from './locks.js';
import { middlewaresBehave } from './middlewares.js';
import { messagesArrive } from './pubsub.js';
import { valuesBehave } from './values.js';

describe.each<[string, () => RedisClient]>([
  ['connectRedis', () => patient(connectRedis(inject('redisUrl')))],
  ['a plain ioredis client', () => new Redis(inject('redisUrl'))],
  [
    'RESP2, a key prefix and no offline queue',
    () => new Redis(inject('redisUrl'), { protocol: 2, keyPrefix: 'app:', enableOfflineQueue: false }),
  ],
])('on one Redis by %s', (_name, connect) => {
  let client: RedisClient;
  beforeAll(() => {
    client = connect();
  });
  afterAll(() => void client.disconnect());
  linkBehaves(() => client);
  middlewaresBehave(() => client);
  messagesArrive(() => client);
  locksBehave(() => client);
  attemptsBehave(() => client);
  valuesBehave(() => client);
});
