import type { Redis } from 'ioredis';
import { afterAll, beforeAll, inject } from 'vitest';
import { type TestRedis, testRedis } from '../../src/testing/index.js';
import { patient } from './patient.js';

/** Gives the test file a client of its own on the Redis that all tests share, before its first test. */
export function clientForFile(take: (redis: Redis) => void): void {
  let file: TestRedis;
  beforeAll(async () => {
    file = await testRedis({ url: inject('redisUrl') });
    take(patient(file.redis));
  });
  afterAll(() => file.stop());
}
