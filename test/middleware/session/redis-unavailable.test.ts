import diagnostics from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import type { Express, NextFunction, Request, Response } from 'express';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SessionOptions } from '../../../middleware/session/options.js';
import { eventually } from '../../support/eventually.js';
import { redisForFile, throughProxy } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();
const REQUESTS = 8;
const MARKER = 'written by the application';

/** Collects everything that a session logs, publishes and throws. */
function collect() {
  const lines: { level: string; fields: object; message: string }[] = [];
  const events: { name: string; message: Record<string, unknown> }[] = [];
  const errors: Error[] = [];
  for (const name of [
    'fallback',
    'unavailable',
    'recovered',
    'session-lost',
    'session-saved',
    'session-loaded',
  ]) {
    // A subscriber that logs an event sees its enumerable properties; the request is not one of them.
    const note = (message: unknown) =>
      void events.push({ name, message: { ...(message as Record<string, unknown>) } });
    diagnostics.subscribe(`express-redis-toolkit:${name}`, note);
    onTestFinished(() => void diagnostics.unsubscribe(`express-redis-toolkit:${name}`, note));
  }
  const log = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  const logger = { info: log('info'), warn: log('warn'), error: log('error') };
  const applied = () => events.filter(({ name }) => name === 'fallback').map(({ message }) => message);
  return { lines, events, errors, logger, applied };
}

/** A client of a user whose rights can be taken away, and an app with sessions on it. */
async function serveLimited(given: Partial<SessionOptions>, client?: Redis) {
  const user = `app-${Math.random()}`;
  await file.redis.call('ACL', 'SETUSER', user, 'on', '>password-of-redis', '~*', '&*', '+@all');
  const redis =
    client ?? new Redis({ port: file.server.port, username: user, password: 'password-of-redis' });
  redis.on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  const seen = collect();
  const options = { redis, logger: seen.logger, timeoutMs: 2_000, secret: 'the signing secret', ...given };
  const served = await serveSessions(options, (app: Express) => {
    app.get('/login', (req, res) => {
      Object.assign(data(req), { user: 'ann', note: MARKER, n: 0 });
      res.send(req.sessionID);
    });
    app.get('/show', (req, res) => void res.send(data(req).user ?? 'nobody'));
    app.get('/change', (req, res) => {
      data(req).n = (data(req).n ?? 0) + 1;
      res.send('changed');
    });
    app.get(
      '/logout',
      (req, res) => void req.session.destroy((error) => res.sendStatus(error?.status ?? 200)),
    );
    app.use((error: Error, _req: Request, _res: Response, next: NextFunction) => {
      seen.errors.push(error);
      next(error);
    });
  });
  const one = served.client();
  const { text: id } = await one.get('/login');
  seen.events.length = 0;
  const times = async (path: string) => {
    const answers = [];
    for (let n = 0; n < REQUESTS; n++) answers.push(await one.get(path));
    return answers;
  };
  const rights = (...rules: string[]) => file.redis.call('ACL', 'SETUSER', user, ...rules);
  return { ...seen, one, id, times, rights };
}

const noLoad = ['-evalsha', '-eval', '-hgetall'];

describe.each(['error', 'anonymous'] as const)('with onUnavailable: %s', (onUnavailable) => {
  test('each request whose session cannot be read is published, and the cause is logged once', async () => {
    const { times, rights, applied, lines } = await serveLimited({ onUnavailable });
    await rights(...noLoad);
    const answers = await times('/show');
    const expected = onUnavailable === 'error' ? { status: 500 } : { status: 200, text: 'nobody' };
    for (const answer of answers) expect(answer).toMatchObject(expected);
    const event = { middleware: 'session', onUnavailable, reason: 'NOPERM', error: expect.any(Error) };
    expect(applied()).toEqual(Array(REQUESTS).fill(event));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'error', fields: { code: 'REDIS_MISCONFIGURED' } });
    expect(lines[0]!.message).toMatch(/^session: .*requests with a session cookie .*onUnavailable: "/);
  });

  test('while Redis is full every refused change of a session is published, and one line is logged, also between reads that succeed', async () => {
    const { one, applied, lines } = await serveLimited({ onUnavailable });
    await file.redis.config('SET', 'maxmemory', '1');
    onTestFinished(() => void file.redis.config('SET', 'maxmemory', '0'));
    for (let n = 0; n < REQUESTS; n++) {
      expect((await one.get('/change')).status).toBe(503);
      expect(await one.get('/show')).toMatchObject({ status: 200, text: 'ann' });
    }
    await file.redis.config('SET', 'maxmemory', '0');
    const event = { middleware: 'session', onUnavailable, reason: 'OOM' };
    expect(applied()).toEqual(Array(REQUESTS).fill(expect.objectContaining(event)));
    expect(lines.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^session: .*requests that change their session fail/),
    ]);
    expect((await one.get('/change')).status).toBe(200);
    expect(applied()).toHaveLength(REQUESTS);
  });

  test('while Redis is away as a whole each request is published, and the outage is logged once', async () => {
    const { proxy, redis } = await throughProxy(file.server);
    const { times, applied, lines, one } = await serveLimited({ onUnavailable, timeoutMs: 150 }, redis);
    proxy.freeze();
    await times('/show');
    expect(applied()).toHaveLength(REQUESTS);
    expect(lines.filter(({ level }) => level !== 'info')).toHaveLength(1);
    proxy.thaw();
    await eventually('the session is there again', async () => (await one.get('/show')).text === 'ann');
  });
});

test.each([
  ['is full', 'OOM', 'maxmemory', '1', '0'],
  ['lacks replicas', 'NOREPLICAS', 'min-replicas-to-write', '3', '0'],
])(
  'a session whose expiry has to slide is read while Redis %s, and slides afterwards',
  async (_name, reason, setting, refusing, usual) => {
    await file.redis.flushall();
    const { one, applied, lines } = await serveLimited({ idleTimeoutMs: 600_000 });
    const [key] = await file.redis.keys('session:*');
    const seenAt = async () => Number((await file.redis.hget(key!, '@meta'))!.split(' ')[3]);
    const fiveMinutesAgo = (await seenAt()) - 300_000;
    const meta = (await file.redis.hget(key!, '@meta'))!.split(' ').with(3, String(fiveMinutesAgo));
    await file.redis.hset(key!, '@meta', meta.join(' '));
    await file.redis.config('SET', setting, refusing);
    onTestFinished(() => void file.redis.config('SET', setting, usual));
    for (let n = 0; n < REQUESTS; n++)
      expect(await one.get('/show')).toMatchObject({ status: 200, text: 'ann' });
    expect(await seenAt()).toBe(fiveMinutesAgo);
    expect(applied()).toEqual(
      Array(REQUESTS).fill(expect.objectContaining({ middleware: 'session', reason })),
    );
    expect(lines.map(({ message }) => message)).toEqual([
      expect.stringMatching(/sessions are read, and end earlier/),
    ]);
    await file.redis.config('SET', setting, usual);
    expect(await one.get('/show')).toMatchObject({ status: 200, text: 'ann' });
    expect(await seenAt()).toBeGreaterThan(fiveMinutesAgo);
    expect(applied()).toHaveLength(REQUESTS);
  },
);

test('a request without a session cookie, or with a forged one, is not published while Redis is away', async () => {
  const { rights, applied, one } = await serveLimited({});
  await rights(...noLoad);
  one.cookie = '';
  await one.get('/show');
  one.cookie = 'connect.sid=s%3Aforged.c2lnbmF0dXJl';
  await one.get('/show');
  expect(applied()).toEqual([]);
});

test.each<[string, string[], string]>([
  ['reads', noLoad, '/show'],
  ['changes', ['-evalsha', '-eval'], '/change'],
  ['logouts', ['-unlink', '-evalsha', '-eval'], '/logout'],
])(
  'no log line, event or error of refused %s contains a session id, a cookie, a secret or session data',
  async (_what, rules, path) => {
    const { times, rights, lines, events, errors, one, id } = await serveLimited({});
    const { cookie } = one;
    await rights(...rules);
    await times(path);
    const shown = [lines, events, errors].flatMap((each) => [
      inspect(each, { depth: 20, showHidden: true }),
      JSON.stringify(each, (_key, value) =>
        value instanceof Error
          ? { ...value, message: value.message, stack: value.stack, cause: value.cause }
          : value,
      ),
    ]);
    expect(errors.length + lines.length).toBeGreaterThan(0);
    const value = decodeURIComponent(cookie.split('=')[1]!);
    for (const secret of [
      id,
      cookie,
      value,
      value.split('.')[1]!,
      'the signing secret',
      'password-of-redis',
      MARKER,
    ]) {
      for (const text of shown) expect(text).not.toContain(secret);
    }
  },
);
