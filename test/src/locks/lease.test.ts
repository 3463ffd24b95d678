import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ToolkitError } from '../../../src/errors.js';
import { Lease } from '../../../src/locks/lease.js';
import { gate } from '../../support/gate.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

const TTL_MS = 900;
const ASSURED_MS = 810;

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] }),
);
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A lease whose renewals the test answers one by one. */
function lease() {
  const asked: ReturnType<typeof gate<boolean>>[] = [];
  const renew = () => {
    asked.push(gate<boolean>());
    return asked.at(-1)!.passed;
  };
  const held = new Lease(renew, performance.now(), TTL_MS);
  return { asked, lost: held.lost, end: () => held.end() };
}

test('a lease is renewed every third of its time, and lasts as long as it is renewed', async () => {
  const { asked, lost } = lease();
  for (let renewal = 0; renewal < 20; renewal++) {
    await vi.advanceTimersByTimeAsync(TTL_MS / 3);
    expect(asked).toHaveLength(renewal + 1);
    asked[renewal]!.open(true);
  }
  expect(lost.aborted).toBe(false);
});

test('without an answer to a renewal the lease is lost a tenth before its expiry', async () => {
  const { lost } = lease();
  await vi.advanceTimersByTimeAsync(ASSURED_MS - 1);
  expect(lost.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(lost.reason).toMatchObject({ code: 'LOCK_LOST' });
});

test('a lease timer that fires a moment too early is set again', async () => {
  const { lost } = lease();
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() - 1);
  await vi.advanceTimersByTimeAsync(ASSURED_MS);
  expect(lost.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(lost.aborted).toBe(true);
});

test('a late renewal counts from the moment it was requested', async () => {
  const { asked, lost } = lease();
  await vi.advanceTimersByTimeAsync(TTL_MS / 3 + 400);
  asked[0]!.open(true);
  await vi.advanceTimersByTimeAsync(ASSURED_MS - 400 - 1);
  expect(lost.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(lost.aborted).toBe(true);
});

test('a lease whose token is gone from Redis is lost at once', async () => {
  const { asked, lost } = lease();
  await vi.advanceTimersByTimeAsync(TTL_MS / 3);
  asked[0]!.open(false);
  await vi.advanceTimersByTimeAsync(0);
  expect(lost.reason).toMatchObject({ code: 'LOCK_LOST' });
});

test('renewals are retried while Redis is unavailable, and its error is the cause of the loss', async () => {
  const { asked, lost } = lease();
  const unavailable = new ToolkitError('REDIS_UNAVAILABLE', 'away');
  await vi.advanceTimersByTimeAsync(TTL_MS / 3);
  while (!lost.aborted) {
    asked.at(-1)!.fail(unavailable);
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(asked.length).toBeGreaterThan(2);
  expect(performance.now()).toBeGreaterThanOrEqual(ASSURED_MS);
  expect(lost.reason).toMatchObject({ code: 'LOCK_LOST', cause: unavailable });
});

test('one successful renewal makes up for failed ones', async () => {
  const { asked, lost } = lease();
  await vi.advanceTimersByTimeAsync(TTL_MS / 3);
  asked[0]!.fail(new ToolkitError('REDIS_UNAVAILABLE', 'away'));
  await vi.advanceTimersByTimeAsync(100);
  asked[1]!.open(true);
  await vi.advanceTimersByTimeAsync(ASSURED_MS - 200);
  expect(lost.aborted).toBe(false);
});

test('a renewal that Redis refuses loses the lease at once, with the refusal as its cause', async () => {
  const { asked, lost } = lease();
  await vi.advanceTimersByTimeAsync(TTL_MS / 3);
  const refusal = new ToolkitError('REDIS_COMMAND_FAILED', 'WRONGTYPE');
  asked[0]!.fail(refusal);
  await vi.advanceTimersByTimeAsync(0);
  expect(lost.reason).toMatchObject({ code: 'LOCK_LOST', cause: refusal });
});

test('a lease that ended leaves no timer, even when an answer arrives later', async () => {
  const { asked, lost, end } = lease();
  await vi.advanceTimersByTimeAsync(TTL_MS / 3);
  end();
  asked[0]!.open(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(lost.aborted).toBe(false);
});
