import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FillLeases } from '../../../src/single-flight/fill-lease.js';
import { redisForFile } from '../../middleware/support/redis-for-file.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

const file = redisForFile();
beforeEach(async () => void (await file.redis.flushall()));
afterEach(() => void vi.useRealTimers());

const KEY = 'cache-lease:page';
const open = () => new FillLeases(file.redis, { prefix: '', timeoutMs: 1000 });
const fakeTimers = () => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
const taken = async (leases: FillLeases) => (await leases.take('page')).token!;

test('one process gets a fill lease, and the others learn that a fill is running', async () => {
  const token = await taken(open());
  expect(await open().take('page')).toEqual({ heldBy: token });
  expect(await file.redis.get(KEY)).toBe(token);
  expect(await file.redis.pttl(KEY)).toBeGreaterThan(4_000);
});

test('a process recognises its own fill lease, whose acknowledgement it did not get', async () => {
  const leases = open();
  const token = await taken(leases);
  await file.redis.pexpire(KEY, 1_000);
  expect(await leases.take('page')).toEqual({ token });
  await vi.waitFor(async () => expect(await file.redis.pttl(KEY)).toBeGreaterThan(4_000));
});

test('a fill lease is renewed until its holder stops the renewal', async () => {
  fakeTimers();
  const leases = open();
  const stop = leases.keep('page', await taken(leases));
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
  const stop = leases.keep('page', 'one');
  vi.advanceTimersByTime(2_000);
  leases.release('page', 'one', 'stored');
  await leases.take('another');
  stop();
  expect(await file.redis.get(KEY)).toBe('other');
  expect(await file.redis.pttl(KEY)).toBeLessThanOrEqual(500);
});

test.each(['unstorable', 'invalidated', 'failed'] as const)(
  'a waiting process learns when a fill lease is released, and that the fill is %s',
  async (outcome) => {
    const leases = open();
    const token = await taken(leases);
    const waiting = open().ended('page', 5_000);
    leases.release('page', token, outcome);
    expect(await waiting).toBe(outcome);
    expect(await open().take('page')).toEqual({ outcome });
    expect(await file.redis.pttl(KEY)).toBeLessThanOrEqual(10_000);
  },
);

test('a process waits no longer for a fill lease than it was told to', async () => {
  await taken(open());
  expect(await open().ended('page', 50)).toBeUndefined();
});
