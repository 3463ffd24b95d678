import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile } from '../support/redis-for-file.js';
import { isNear, type Mode, serveNear, twoProcesses } from './support/near-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const MODES: Mode[] = ['validated', 'tracked'];

test('validated: a near hit asks for a stamp and the versions in one write, and no body travels', async () => {
  const body = randomBytes(100_000);
  const app = await serveNear(file.server.url, 'validated', {
    handler: (_req, res) => void res.send(body),
  });
  expect((await app.settle()).body).toEqual(body);
  const { stream } = app.redis;
  const before = stream.bytesRead;
  expect(await app.commandsOf(() => app.get('/thing'))).toBe(2);
  expect(stream.bytesRead - before).toBeLessThan(200);
});

test('tracked: a near hit asks nothing, and Redis is sent nothing', async () => {
  const app = await serveNear(file.server.url, 'tracked');
  await app.settle();
  const before = app.redis.stream.bytesWritten;
  expect(await app.commandsOf(() => app.get('/thing'))).toBe(0);
  expect(app.redis.stream.bytesWritten).toBe(before);
});

type Processes = Awaited<ReturnType<typeof twoProcesses>>;
const responseKey = async ({ cli }: Processes) => (await cli.keys('cache:*'))[0]!;

// What makes a response old, or takes it away, while both processes have it near.
const changes: Record<string, (processes: Processes) => Promise<unknown>> = {
  'a mutation in another process': ({ first }) => first.patch('/elsewhere'),
  'a tag invalidated by code': ({ aside, row }) => {
    row.value++;
    return aside.invalidateTags(['thing']);
  },
  'its URL purged by code': ({ aside, row }) => {
    row.value++;
    return aside.invalidateUrls(['/thing']);
  },
  'clear()': ({ aside, row }) => {
    row.value++;
    return aside.clear();
  },
  'DEL of the response, typed in redis-cli': async (processes) => {
    processes.row.value++;
    await processes.cli.del(await responseKey(processes));
  },
  'DEL of a tag, typed in redis-cli': ({ cli, row }) => {
    row.value++;
    return cli.del('tag:thing');
  },
  'FLUSHALL, typed in redis-cli': ({ cli, row }) => {
    row.value++;
    return cli.flushall();
  },
  'the response expired': async (processes) => {
    processes.row.value++;
    const key = await responseKey(processes);
    await processes.cli.pexpire(key, 1);
    await eventually('it is gone', async () => !(await processes.cli.exists(key)));
  },
  'another process filled it anew': async ({ first, row }) => {
    row.value++;
    const reply = await first.get('/thing', { headers: { 'cache-control': 'no-cache' } });
    expect(reply.hit).toBe(false);
  },
};

describe.each(MODES)('%s', (mode) => {
  test.each(Object.keys(changes))('after %s the older response is not served', async (change) => {
    const processes = await twoProcesses(file.server.url, mode);
    const { first, second, row } = processes;
    for (const app of [first, second]) expect((await app.settle()).body.toString()).toBe('0');
    await changes[change]!(processes);
    expect(row.value).toBe(1);
    // `tracked` hears of it a moment later; a fill that is under way is stored a moment later.
    await eventually('the newer response in both', async () => {
      const [a, b] = [await first.value(), await second.value()];
      if (mode === 'validated' && change !== 'another process filled it anew')
        expect([a, b]).toEqual(['1', '1']);
      return a === '1' && b === '1';
    });
    for (const app of [first, second]) expect((await app.settle()).body.toString()).toBe('1');
  });

  test('variants stay apart', async () => {
    const app = await serveNear(file.server.url, mode, {
      handler: (req, res) => void res.vary('Accept-Language').send(req.headers['accept-language']),
    });
    const asked = (language: string) => ({ headers: { 'accept-language': language } });
    for (const language of ['de', 'fr', 'de']) {
      expect((await app.settle('/thing', asked(language))).body.toString()).toBe(language);
    }
    expect(isNear(await app.get('/thing', asked('it')))).toBe(false);
    expect(isNear(await app.get('/thing', asked('fr')))).toBe(true);
  });

  test('conditional requests, HEAD and ranges are answered from memory', async () => {
    const app = await serveNear(file.server.url, mode, {
      handler: (_req, res) => void res.send('0123456789'),
    });
    const { headers } = await app.settle();
    const current = await app.get('/thing', { headers: { 'if-none-match': headers.etag! } });
    const head = await app.get('/thing', { method: 'HEAD' });
    const part = await app.get('/thing', { headers: { range: 'bytes=2-4' } });
    expect([current, head, part].map(isNear)).toEqual([true, true, true]);
    expect([current.status, head.status, part.status]).toEqual([304, 200, 206]);
    expect([head.body.length, part.body.toString()]).toEqual([0, '234']);
  });

  test('the least used responses make room', async () => {
    const app = await serveNear(file.server.url, mode, {
      cache: { nearCache: { maxBytes: 250_000, mode } },
      handler: (req, res) => void res.send(req.url.padEnd(100_000, 'x')),
    });
    for (const path of ['/1', '/2', '/1', '/3']) await app.settle(path);
    expect(isNear(await app.get('/1'))).toBe(true);
    expect(isNear(await app.get('/2'))).toBe(false);
  });
});
