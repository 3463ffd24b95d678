import { once } from 'node:events';
import { inspect } from 'node:util';
import { Redis, type RedisOptions } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { isUnavailable, type ToolkitError } from '../../../src/errors.js';
import { connectRedis } from '../../../src/redis/connect.js';
import { linkTo } from '../../../src/redis/link.js';
import { subscriberConnectionOf } from '../../../src/subscriptions/index.js';
import { recordingLogger } from '../../faults/clients.js';
import { eventually } from '../../support/eventually.js';
import { startRedis, type TestRedis } from '../../support/redis.js';

const SECRET = 'p4ssw0rd-of-the-tests';
const ask = { timeoutMs: 1_000 };

let server: TestRedis;
let admin: Redis;
beforeAll(async () => {
  server = await startRedis({ args: ['--rename-command', 'HSTRLEN', 'renamed-hstrlen'] });
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await admin.acl('SETUSER', 'limited', 'reset', 'on', `>${SECRET}`, '~*', '&*', '+@all', '-hset', '-echo');
});

/** A logger as an application has it, without any redaction. */
function plainPino() {
  const lines: string[] = [];
  return { lines, logger: pino({ level: 'trace' }, { write: (line) => void lines.push(line) }) };
}

function connect(options: RedisOptions = {}) {
  const log = plainPino();
  const redis = new Redis({ port: server.port, ...options });
  onTestFinished(() => redis.disconnect());
  return { redis, link: linkTo(redis, log.logger), ...log };
}

/** As on every Redis with a password: a connection whose AUTH failed may do nothing. */
async function defaultUserOff() {
  await admin.acl('SETUSER', 'default', 'off');
  onTestFinished(async () => {
    await admin.acl('SETUSER', 'default', 'on');
  });
}

const failure = (answer: Promise<unknown>) =>
  answer.then(
    () => expect.unreachable(),
    (error: ToolkitError) => error,
  );

describe('a failure that waiting does not cure is a configuration error with advice', () => {
  test('a command that the ACL forbids', async () => {
    const { link, lines } = connect({ username: 'limited', password: SECRET });
    const error = await failure(link.send('hset', ['key', 'field', 'value'], ask));
    expect(error).toMatchObject({ code: 'REDIS_MISCONFIGURED', status: 500 });
    expect(error.message).toMatch(/^Redis forbids HSET to this user: allow .* in the ACL .*NOPERM/);
    expect(isUnavailable(error)).toBe(true);
    // Other commands are served.
    expect(await link.send('get', ['key'], ask)).toBeNull();
    expect(lines).toEqual([]);
  });

  test('a command that the ACL forbids to a script', async () => {
    const { link } = connect({ username: 'limited', password: SECRET });
    const script = {
      name: 'x',
      sha: '0'.repeat(40),
      lua: "return redis.call('hset', KEYS[1], 'f', ARGV[1])",
    };
    const error = await failure(link.run(script, ['key'], ['value'], ask));
    expect(error).toMatchObject({ code: 'REDIS_MISCONFIGURED' });
    expect(error.message).toMatch(/Redis forbids EVALSHA|Redis forbids EVAL/);
  });

  test('a command that the server does not know', async () => {
    const { link } = connect();
    const error = await failure(link.send('hstrlen', ['key', SECRET], ask));
    expect(error).toMatchObject({ code: 'REDIS_MISCONFIGURED' });
    expect(error.message).toMatch(/does not know a command that HSTRLEN needs: check its version/);
    expect(error.message).not.toContain(SECRET);
  });

  test.each([
    ['a wrong password', { username: 'limited', password: `${SECRET}-wrong` }, /WRONGPASS/],
    [
      'a wrong password over RESP2',
      { username: 'limited', password: `${SECRET}-wrong`, protocol: 2 },
      /WRONGPASS/,
    ],
    ['an unknown user', { username: 'nobody', password: SECRET }, /WRONGPASS/],
  ] as const)('%s, which is logged once, until it is right', async (_name, options, reason) => {
    await defaultUserOff();
    const { link, redis, lines } = connect(options);
    let error: ToolkitError | undefined;
    await eventually('it is refused', async () => {
      error = await link.send('get', ['key'], { timeoutMs: 200 }).then(
        () => undefined,
        (e: ToolkitError) => e,
      );
      return error?.code === 'REDIS_MISCONFIGURED';
    });
    expect(error!.message).toMatch(/^Redis refuses the connection: check username, password and database/);
    expect(error!.message).toMatch(reason);
    expect(lines).toEqual([expect.anything()]);
    expect(JSON.parse(lines[0]!)).toMatchObject({ code: 'REDIS_MISCONFIGURED', level: 50 });
    redis.options.username = 'limited';
    redis.options.password = SECRET;
    await eventually('it is served', () =>
      link.send('get', ['key'], ask).then(
        () => true,
        () => false,
      ),
    );
  });

  test('a password that is changed while Redis is away, which is logged beside the outage', async () => {
    await defaultUserOff();
    const { link, redis, lines } = connect({ username: 'limited', password: SECRET });
    await link.send('get', ['key'], ask);
    await admin.acl('SETUSER', 'limited', 'resetpass', '>another');
    const closed = once(redis, 'close');
    await admin.client('KILL', 'USER', 'limited');
    await closed;
    expect(await failure(link.send('get', ['key'], ask))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await eventually('it is refused', async () => {
      const error = await link.send('get', ['key'], ask).catch((e: ToolkitError) => e);
      return (error as ToolkitError | null)?.code === 'REDIS_MISCONFIGURED';
    });
    const codes = lines.map((line) => JSON.parse(line).code);
    expect(codes).toEqual(['REDIS_UNAVAILABLE', 'REDIS_MISCONFIGURED']);
  });

  test('no password where one is needed', async () => {
    await defaultUserOff();
    const { link } = connect();
    await eventually('it is refused', async () => {
      const error = await link.send('get', ['key'], { timeoutMs: 200 }).catch((e: ToolkitError) => e);
      return (error as ToolkitError | null)?.code === 'REDIS_MISCONFIGURED';
    });
  });
});

describe('no arguments of commands are in anything that is thrown or logged', () => {
  const shown = (error: unknown) =>
    `${inspect(error, { depth: 10, showHidden: true })}${JSON.stringify(error)}`;

  test.each([
    ['HSET with a wrong type', 'hset', ['text', 'field', SECRET]],
    ['SET with a wrong option', 'set', ['key', SECRET, 'BOGUS']],
    ['an unknown command', 'bogus', ['key', SECRET]],
    ['a missing argument', 'hmset', ['key', SECRET]],
  ])('%s', async (_name, command, args) => {
    const { link, logger, lines } = connect();
    await link.send('set', ['text', 'x'], ask);
    const error = await failure(link.send(command, args, ask));
    expect(shown(error)).not.toContain(SECRET);
    logger.error({ err: error }, 'failed');
    logger.error(error);
    expect(lines.join('')).not.toContain(SECRET);
  });

  test('the password of a connection that is refused, whatever it is refused for', async () => {
    const wrong = `${SECRET}-wrong`;
    const plain = connect({ username: 'limited', password: wrong });
    const { lines, logger } = plainPino();
    const ours = connectRedis({ port: server.port, username: 'limited', password: wrong, logger });
    onTestFinished(() => ours.disconnect());
    const subscribing = await failure(
      subscriberConnectionOf(plain.redis).listen('news', () => undefined, { timeoutMs: 1_000 }),
    );
    const errors = await Promise.all(
      [plain.redis, ours].map((redis) => failure(linkTo(redis).send('get', ['key'], { timeoutMs: 300 }))),
    );
    await eventually('it is logged', () => plain.lines.length > 0 && lines.length > 0);
    expect([...errors, subscribing].map(shown).join('')).not.toContain(wrong);
    expect([...plain.lines, ...lines].join('')).not.toContain(wrong);
  });

  test('the commands in flight when a connection is lost', async () => {
    const { link, redis, lines } = connect();
    await link.send('ping', [], ask);
    server.freeze();
    const lost = failure(link.send('set', ['key', SECRET], ask));
    // It is written at the end of this turn.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    redis.stream.destroy();
    server.thaw();
    expect(shown(await lost)).not.toContain(SECRET);
    await eventually('it is logged', () => lines.length > 0);
    expect(lines.join('')).not.toContain(SECRET);
  });
});

test.each([
  ['warn and error alone, as for express-rate-limit', ['warn', 'error'], 'warn'],
  ["log, warn and error, as Nest's Logger has", ['log', 'warn', 'error'], 'log'],
])('a logger with %s is accepted, and receives both lines of an outage', async (_name, methods, end) => {
  const redisServer = await startRedis();
  const calls: string[] = [];
  const logger = Object.fromEntries(methods.map((name) => [name, () => void calls.push(name)])) as never;
  const redis = connectRedis({ url: redisServer.url, logger });
  onTestFinished(async () => {
    redis.disconnect();
    await redisServer.stop();
  });
  const link = linkTo(redis);
  await link.send('ping', [], ask);
  await redisServer.kill();
  await eventually('the outage is logged', () => calls.includes('error'));
  await redisServer.restart();
  await eventually('its end is logged', () => calls.includes(end));
  expect(calls).toEqual(['error', end]);
});

test('connectRedis refuses a logger without warn and error', () => {
  expect(() => connectRedis({ lazyConnect: true, logger: { error() {} } as never })).toThrow(
    /option "logger" must have the methods warn and error/,
  );
  expect(recordingLogger().lines).toEqual([]);
});
