import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { SessionAvailability } from '../../../middleware/session/redis-unavailable.js';
import { ToolkitError } from '../../../src/errors.js';
import { linkTo } from '../../../src/redis/link.js';
import { recordingLogger } from '../../faults/clients.js';
import { redisForFile } from '../support/redis-for-file.js';

vi.mock('../../../src/timers.js', () => import('../../support/fakeable-timers.js'));

const file = redisForFile();
const full = new ToolkitError('REDIS_UNAVAILABLE', 'Redis is unavailable: OOM', {
  cause: new Error('OOM full'),
});
// A cause is logged again ten seconds after its last line at the earliest.
const LATER_MS = 11_000;
let now = performance.now();

beforeAll(() => void vi.spyOn(performance, 'now').mockImplementation(() => now));
afterAll(() => void vi.restoreAllMocks());
beforeEach(() => {
  now += 10 * LATER_MS;
});

function availability() {
  const logger = recordingLogger();
  return { it: new SessionAvailability('error', linkTo(file.redis), logger), logger };
}

test.each<['read' | 'write', 'read' | 'write', number]>([
  ['write', 'read', 1],
  ['write', 'write', 2],
  ['read', 'read', 2],
  ['read', 'write', 2],
])(
  'after a failed %s, a %s that succeeds leaves %i log lines when the failure comes back',
  (failing, works, lines) => {
    const { it, logger } = availability();
    it.failed(failing, full);
    it.succeeded(works);
    now += LATER_MS;
    it.failed(failing, full);
    expect(logger.lines).toHaveLength(lines);
  },
);

test('an error that is no outage is not reported', () => {
  const { it, logger } = availability();
  it.failed('write', new ToolkitError('SESSION_TOO_LARGE', 'session: too large'));
  it.failed('read', new Error('of the application'));
  expect(logger.lines).toEqual([]);
});
