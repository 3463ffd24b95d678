import { afterAll, beforeAll, expect, test } from 'vitest';
import { withLock } from '../../index.js';
import { redisForFile } from '../middleware/support/redis-for-file.js';
import { commandsOf, openShell } from './support/redis-layout-page.js';

const file = redisForFile();
const [acquire, renew, release] = commandsOf('Take a lock');
let shell: Awaited<ReturnType<typeof openShell>>;
beforeAll(async () => {
  shell = await openShell(file.server.url);
});
afterAll(() => file.redis.flushall());

const run = (commands: string) => shell.run('token=ours', commands.replace('token=$(fresh)', ''));
const once = { ttlMs: 5_000, waitMs: 0, timeoutMs: 5_000 };

test('a lock that the commands hold is refused to the app, until the commands release it', async () => {
  const [number] = await run(acquire!);
  await expect(withLock(file.redis, 'report:7', once, () => 'ran')).rejects.toMatchObject({
    code: 'LOCK_TIMEOUT',
  });
  expect(await run(renew!)).toEqual(['1']);
  expect(await run(release!)).toEqual(['1']);
  const fencing = await withLock(file.redis, 'report:7', once, (hold) => hold.fencing);
  expect(fencing).toBeGreaterThan(Number(number));
});

test('a lock that the app holds is refused to the commands, which can neither renew nor release it', async () => {
  const fencing = await withLock(file.redis, 'report:7', once, async (hold) => {
    const [none, expiresInMs] = await run(acquire!);
    expect(none).toBe('0');
    expect(Number(expiresInMs)).toBeGreaterThan(0);
    expect(await run(renew!)).toEqual(['0']);
    expect(await run(release!)).toEqual(['0']);
    return hold.fencing;
  });
  const [number] = await run(acquire!);
  expect(Number(number)).toBeGreaterThan(fencing);
  await run(release!);
});

test('who waits in the app is woken when the commands release the lock', async () => {
  await run(acquire!.replace('10000', '60000'));
  const waiting = withLock(file.redis, 'report:7', { ...once, waitMs: 15_000 }, () => 'ran');
  // Woken by the message alone: the key would live on for a minute.
  await expect
    .poll(async () => Object.values(await file.redis.pubsub('NUMSUB', 'lock-released:report:7'))[1])
    .toBe(1);
  await run(release!);
  expect(await waiting).toBe('ran');
});
