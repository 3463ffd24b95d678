import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OwedReleases } from '../../../src/redis/owed-releases.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

test.each([
  { forMs: 1_500, longestMs: 150 },
  { forMs: 30_000, longestMs: 1_000 },
])(
  'a release that is owed for $forMs ms is tried again each $longestMs ms at the latest',
  async ({ forMs, longestMs }) => {
    const triedAt: number[] = [];
    const send = () => {
      triedAt.push(performance.now());
      return Promise.reject(new Error('away'));
    };
    new OwedReleases().add('token', send, { mayComeLater: false, forMs });
    await vi.advanceTimersByTimeAsync(2 * forMs);
    const pauses = triedAt.slice(1).map((at, i) => at - triedAt[i]!);
    expect(Math.max(...pauses)).toBe(longestMs);
    expect(triedAt.at(-1)! - triedAt[0]!).toBeGreaterThan(forMs - longestMs);
  },
);
