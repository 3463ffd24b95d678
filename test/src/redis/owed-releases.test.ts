import { expect, onTestFinished, test } from 'vitest';
import { cacheAside } from '../../../src/cache-aside/cache-aside.js';
import { withLock } from '../../../src/locks/with-lock.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { recordingLogger } from '../../faults/clients.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();

test('a lock and a lease that an ACL forbids to release are logged once each', async () => {
  await file.redis.acl('SETUSER', 'keeper', 'on', '>secret', '~*', '&*', '+@all', '-del');
  const url = Object.assign(new URL(file.server.url), { username: 'keeper', password: 'secret' });
  const logger = recordingLogger();
  const redis = connectRedis({ url: url.href, logger });
  onTestFinished(() => closeRedis(redis, { timeoutMs: 100 }));
  const cache = cacheAside({ redis, ttlSeconds: 60 });
  for (const n of [1, 2]) {
    expect(await withLock(redis, `r${n}`, { ttlMs: 500 }, () => 'done')).toBe('done');
    expect(await cache.getOrLoad(`user:${n}`, async () => 'ann')).toBe('ann');
  }
  const isThere = (text: string) => logger.lines.filter(({ message }) => message.includes(text));
  await eventually('both are logged', () => logger.lines.length === 2);
  expect(isThere('a lock cannot be released')).toHaveLength(1);
  expect(isThere('the lease of a fill cannot be released')).toHaveLength(1);
});
