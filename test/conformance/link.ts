import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { RedisClient } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';

const ask = { timeoutMs: 1_000 };
const lua = "return {redis.call('INCR', KEYS[1]), ARGV[1]}";
const sha = '0d0e3e7f1f2c5a5c2f3f0d0e3e7f1f2c5a5c2f3f';

/** What the link promises on every kind of Redis. */
export function linkBehaves(open: () => RedisClient): void {
  const names = (count: number) => Array.from({ length: count }, () => randomUUID());

  describe('the link', () => {
    test('gives commands on keys of all hash slots their own replies', async () => {
      const link = linkTo(open());
      const keys = names(60);
      await Promise.all(keys.map((key) => link.send('set', [key, `of ${key}`], ask)));
      expect(await Promise.all(keys.map((key) => link.send('get', [key], ask)))).toEqual(
        keys.map((key) => `of ${key}`),
      );
    });

    test('finds the keys of a command whose name is in capitals', async () => {
      const link = linkTo(open());
      const keys = names(10);
      await Promise.all(keys.map((key) => link.send('HSET', [key, 'field', key], ask)));
      expect(await Promise.all(keys.map((key) => link.send('hget', [key, 'field'], ask)))).toEqual(keys);
      expect(await Promise.all(keys.map((key) => link.send('HGET', [key, 'field'], ask)))).toEqual(keys);
    });

    test('returns bytes unchanged', async () => {
      const link = linkTo(open());
      const [key] = names(1);
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
      await link.send('set', [key!, bytes], ask);
      expect(await link.send('get', [key!], { ...ask, as: 'bytes' })).toEqual(bytes);
    });

    test('runs a script that no server knows yet once per call', async () => {
      const link = linkTo(open());
      const keys = names(10);
      const run = (key: string) => link.run<[number, string]>({ name: 'count', lua, sha }, [key], ['é'], ask);
      for (const count of [1, 2]) {
        expect(await Promise.all(keys.map(run))).toEqual(keys.map(() => [count, 'é']));
      }
    });

    test('does not take a wrong command for an outage', async () => {
      const link = linkTo(open());
      const [key] = names(1);
      await link.send('set', [key!, 'text'], ask);
      await expect(link.send('hget', [key!, 'field'], ask)).rejects.toMatchObject({
        code: 'REDIS_COMMAND_FAILED',
      });
      expect(await link.send('get', [key!], ask)).toBe('text');
    });

    test('is drained when every command is answered', async () => {
      const link = linkTo(open());
      let answered = 0;
      for (const key of names(20)) void link.send('get', [key], ask).then(() => answered++);
      await link.drained();
      await new Promise(setImmediate);
      expect(answered).toBe(20);
    });
  });
}
