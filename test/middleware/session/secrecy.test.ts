import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { session } from '../../../middleware/session/session.js';
import { hashId } from '../../../src/sessions/stored-session.js';
import { redisForFile } from '../support/redis-for-file.js';
import { data, SECRET, serveSessions } from './support/session-client.js';

const file = redisForFile();

/** Uses sessions in every way, and returns all ids that were used. */
async function useSessions(): Promise<string[]> {
  const ids: string[] = [];
  const options = { redis: file.redis, user: () => 'watched', maxPerUser: 2, onConflict: 'fail' } as const;
  const { client, sessions } = await serveSessions(options, (app) => {
    app.get('/', async (req, res) => {
      data(req).count = (data(req).count ?? 0) + 1;
      ids.push(req.sessionID);
      if (data(req).count === 3) await req.session.regenerate();
      ids.push(req.sessionID);
      res.end();
    });
  });
  for (const one of [client(), client(), client()]) for (let n = 0; n < 4; n++) await one.get('/');
  await sessions.list('watched', { current: ids[0]! });
  await session({ redis: file.redis, secret: SECRET }).destroyAll('watched', { except: ids.at(-1)! });
  return ids;
}

test('no command sent to Redis contains a session id', async () => {
  const seen: string[] = [];
  const monitor = await file.redis.duplicate().monitor();
  onTestFinished(() => monitor.disconnect());
  monitor.on('monitor', (_time: string, args: string[]) => seen.push(args.join(' ')));
  const ids = await useSessions();
  const last = randomUUID();
  const done = new Promise<void>((resolve) =>
    monitor.on('monitor', (_time: string, args: string[]) => args.includes(last) && resolve()),
  );
  await file.redis.echo(last);
  await done;
  expect(seen.filter((line) => line.includes('session:')).length).toBeGreaterThan(4);
  for (const id of ids) expect(seen.filter((line) => line.includes(id))).toEqual([]);
});

test('dump.rdb contains no session id', async () => {
  await file.redis.config('SET', 'rdbcompression', 'no');
  const ids = await useSessions();
  await file.redis.save();
  const [, directory] = (await file.redis.config('GET', 'dir')) as [string, string];
  const dump = (await readFile(join(directory, 'dump.rdb'))).toString('latin1');
  expect(dump).toContain(`session:${hashId(ids.at(-1)!)}`);
  for (const id of ids) expect(dump).not.toContain(id);
});
