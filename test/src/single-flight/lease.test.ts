import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FillLeases, unsharedMsOf } from '../../../src/single-flight/lease.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));
afterEach(() => void vi.useRealTimers());

const KEY = 'cache-lease:page';
const open = () => new FillLeases(file.redis, { prefix: '', timeoutMs: 1000 });
const fakeTimers = () => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });

test('one process gets a fill lease, and the others learn whose it is', async () => {
  const leases = open();
  expect(await leases.take('page', 'one')).toBeNull();
  expect(await leases.take('page', 'two')).toBe('one');
  expect(await file.redis.pttl(KEY)).toBeGreaterThan(4_000);
});

test('a fill lease is renewed until its holder stops the renewal', async () => {
  fakeTimers();
  const leases = open();
  await leases.take('page', 'one');
  const stop = leases.keep('page', 'one', () => {});
  await file.redis.pexpire(KEY, 500);
  vi.advanceTimersByTime(2_000);
  await vi.waitFor(async () => expect(await file.redis.pttl(KEY)).toBeGreaterThan(4_000));
  stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('a process neither renews nor releases the fill lease of another', async () => {
  fakeTimers();
  const leases = open();
  await file.redis.set(KEY, 'other', 'PX', 500);
  const stop = leases.keep('page', 'one', () => {});
  vi.advanceTimersByTime(2_000);
  leases.release('page', 'one', 0);
  await leases.take('another', 'one');
  stop();
  expect(await file.redis.get(KEY)).toBe('other');
  expect(await file.redis.pttl(KEY)).toBeLessThanOrEqual(500);
});

test('the holder of a fill lease gives up after half a minute', async () => {
  fakeTimers();
  const leases = open();
  await leases.take('page', 'one');
  let given = 0;
  const stop = leases.keep('page', 'one', () => {
    given++;
    stop();
  });
  vi.advanceTimersByTime(29_000);
  expect(given).toBe(0);
  vi.advanceTimersByTime(4_000);
  expect(given).toBe(1);
});

test('a waiting process learns when a fill lease is released, and for how long nobody waits for the key', async () => {
  const leases = open();
  await leases.take('page', 'one');
  const waiting = leases.ended('page');
  leases.release('page', 'one', 700);
  expect(unsharedMsOf(await waiting)).toBe(700);
  expect(await file.redis.pttl(KEY)).toBeLessThanOrEqual(700);
});
