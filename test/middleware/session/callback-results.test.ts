import type { Request } from 'express';
import { describe, expect, test } from 'vitest';
import type { SessionOptions } from '../../../middleware/session/options.js';
import { redisForFile } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();

type Callback = 'genid' | 'user' | 'device' | 'cookie';
// Options that a callback needs beside it.
const BESIDE = { genid: {}, user: {}, device: { user: () => 'ann' }, cookie: {} };
const USABLE = {
  genid: () => `id-${Math.random()}`,
  user: 'ann',
  device: { ua: 'x' },
  cookie: { path: '/' },
};

/** Writes to a new session of an app whose option returns the result of `make`. */
async function write(option: Callback, make: () => unknown) {
  const options = { redis: file.redis, ...BESIDE[option], [option]: make } as never;
  const { client, sessions } = await serveSessions(options, (app) => {
    app.get('/', (req, res) => {
      data(req).count = 1;
      res.send('stored');
    });
    app.use((error: Error, _req: Request, _res: unknown, next: (error: Error) => void) => {
      seen.push(error.message);
      next(error);
    });
  });
  const seen: string[] = [];
  const answer = await client().get('/');
  return { answer, message: seen[0], sessions };
}

const usable = (option: Callback) => {
  const value: unknown = USABLE[option];
  return typeof value === 'function' ? value() : value;
};
// biome-ignore-start lint/suspicious/noThenProperty: promises of other libraries
const thenable = (value: unknown) => ({ then: (resolve: (value: unknown) => void) => resolve(value) });
// biome-ignore-end lint/suspicious/noThenProperty: promises of other libraries

const OPTIONS = ['genid', 'user', 'device', 'cookie'] as const;
const UNUSABLE: [string, (option: Callback) => unknown, RegExp][] = [
  ['a promise', (option) => Promise.resolve(usable(option)), /not a promise/],
  ['a promise that rejects', () => Promise.reject(new Error('late')), /not a promise/],
  ['a thenable', (option) => thenable(usable(option)), /not a promise/],
  ['a function', () => () => 1, /not a function/],
  ['a symbol', () => Symbol('s'), /not a symbol/],
  ['true', () => true, /not a boolean/],
  ['an array', () => [1], /not an array/],
];
const CASES = OPTIONS.flatMap((option) =>
  UNUSABLE.map(([what, make, complaint]) => ({ option, what, make, complaint })),
);

test.each(CASES)('$option that returns $what is refused by name', async ({ option, make, complaint }) => {
  const { answer, message } = await write(option, () => make(option));
  expect(answer).toMatchObject({ status: 500, text: '{"error":"OPTION_INVALID"}', cookie: undefined });
  expect(message).toMatch(new RegExp(`^session: option "${option}" must return`));
  expect(message).toMatch(complaint);
});

test.each<[Callback, string, unknown]>([
  ['genid', 'undefined', undefined],
  ['genid', 'an empty string', ''],
  ['genid', 'a number', 7],
  ['user', 'an object', { id: 7 }],
  ['user', 'NaN', Number.NaN],
  ['user', 'Infinity', Number.POSITIVE_INFINITY],
  ['device', 'a string', 'Firefox'],
  ['cookie', 'undefined', undefined],
  ['cookie', 'null', null],
  ['cookie', 'a string', 'path=/'],
])('%s that returns %s is refused by name', async (option, what, value) => {
  const { answer, message } = await write(option, () => value);
  expect(answer).toMatchObject({ status: 500, text: '{"error":"OPTION_INVALID"}', cookie: undefined });
  expect(message).toMatch(new RegExp(`^session: option "${option}" must return.*, not ${what}`));
});

test.each<[string, unknown]>([
  ['an object', { ip: { address: '::1' } }],
  ['a promise', { ip: 'rejecting' }],
  ['an array', { ip: ['::1'] }],
])('device that returns %s as a value is refused by the name of the value', async (what, value) => {
  const { answer, message } = await write('device', () =>
    what === 'a promise' ? { ip: Promise.reject(new Error('late')) } : value,
  );
  expect(answer).toMatchObject({ status: 500, text: '{"error":"OPTION_INVALID"}' });
  expect(message).toMatch(new RegExp(`^session: option "device" must return .*, not ${what}.* as "ip"`));
});

test.each(OPTIONS)('an error that %s throws goes to the error handler', async (option) => {
  const { answer } = await write(option, () => {
    throw new Error('thrown');
  });
  expect(answer).toMatchObject({ status: 500, text: '{"error":"thrown"}', cookie: undefined });
});

test.each<[Callback, unknown]>([
  ['user', undefined],
  ['user', null],
  ['user', ''],
  ['device', undefined],
  ['device', null],
])('%s that returns %j stores no description', async (option, value) => {
  const { answer } = await write(option, () => value);
  expect(answer).toMatchObject({ status: 200, cookie: expect.any(String) });
});

test('device may return numbers and leave values out, and list shows them as text', async () => {
  const device = () => ({ port: 443, mobile: false, os: undefined, app: null });
  const { sessions } = await write('device', device as never);
  const [listed] = (await sessions.list('ann')).slice(-1);
  expect(listed!.device).toEqual({ port: '443', mobile: 'false' });
});

describe('the users of sessions', () => {
  /** Logs in users whose ids are of the given kind; nobody's sessions may be somebody else's. */
  async function logIn(ids: readonly unknown[], options: Partial<SessionOptions> = {}) {
    const user = (session: unknown) => (session as { userId?: never }).userId;
    const { client, sessions } = await serveSessions(
      { redis: file.redis, prefix: `${Math.random()}:`, user, ...options },
      (app) => {
        app.get('/login/:n', (req, res) => {
          data(req).userId = ids[Number(req.params.n)];
          res.send('logged in');
        });
      },
    );
    const statuses: number[] = [];
    for (const n of ids.keys()) statuses.push((await client().get(`/login/${n}`)).status);
    return { statuses, sessions };
  }

  test('objects as users are refused, so that maxPerUser ends no session of another user', async () => {
    const { statuses } = await logIn([{ id: 1 }, { id: 2 }, { id: 3 }], { maxPerUser: 1 });
    expect(statuses).toEqual([500, 500, 500]);
  });

  test('users whose ids are numbers or bigints are listed and ended by number, bigint or text', async () => {
    const { statuses, sessions } = await logIn([7, 7, 8]);
    expect(statuses).toEqual([200, 200, 200]);
    expect(await sessions.list(7)).toHaveLength(2);
    expect(await sessions.list('7')).toHaveLength(2);
    const [first] = await sessions.list(7n);
    expect(await sessions.destroy(7, first!.handle)).toBe(true);
    expect(await sessions.destroyAll(7)).toBe(1);
    expect(await sessions.list(8n)).toHaveLength(1);
    expect(await sessions.list(0)).toEqual([]);
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['an empty string', ''],
    ['NaN', Number.NaN],
    ['an object', {}],
    ['a promise', 'rejecting'],
  ])('list, destroy and destroyAll refuse %s as the user by name', async (what, given) => {
    const { sessions } = await logIn([]);
    const user = () => (given === 'rejecting' ? Promise.reject(new Error('late')) : given);
    const complaint = (method: string) =>
      `session.${method}: argument "user" must be a non-empty string, a number or a bigint, not ${what}`;
    const invalid = (method: string) => ({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(complaint(method)),
    });
    await expect(sessions.list(user() as never)).rejects.toMatchObject(invalid('list'));
    await expect(sessions.destroy(user() as never, 'x')).rejects.toMatchObject(invalid('destroy'));
    await expect(sessions.destroyAll(user() as never)).rejects.toMatchObject(invalid('destroyAll'));
  });

  test.each([null, [], 'ann', new Map()])('the options %j of a method are refused', async (options) => {
    const { sessions } = await logIn(['ann']);
    const refused = { code: 'OPTION_INVALID', message: expect.stringContaining('must be an object') };
    await expect(sessions.list('ann', options as never)).rejects.toMatchObject(refused);
    await expect(sessions.destroyAll('ann', options as never)).rejects.toMatchObject(refused);
    expect(await sessions.list('ann')).toHaveLength(1);
  });

  test('an option of a method that does not exist is refused', async () => {
    const { sessions } = await logIn(['ann']);
    const misspelt = { expect: 'x' } as never;
    await expect(sessions.destroyAll('ann', misspelt)).rejects.toMatchObject({ code: 'OPTION_UNKNOWN' });
    expect(await sessions.list('ann')).toHaveLength(1);
  });

  test.each([undefined, null, 7, {}, { headers: null }])(
    'load refuses %j, which is no request',
    async (req) => {
      const { sessions } = await logIn(['ann']);
      await expect(sessions.load(req as never)).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('"req"'),
      });
    },
  );

  test.each([undefined, null, '', 7, {}])(
    'the handle %j and the id %j are refused by name',
    async (value) => {
      const { sessions } = await logIn(['ann']);
      const refused = (argument: string) => ({
        code: 'OPTION_INVALID',
        message: expect.stringContaining(argument),
      });
      await expect(sessions.destroy('ann', value as never)).rejects.toMatchObject(
        refused('argument "handle"'),
      );
      if (value === undefined) return;
      await expect(sessions.list('ann', { current: value as never })).rejects.toMatchObject(
        refused('"current"'),
      );
      await expect(sessions.destroyAll('ann', { except: value as never })).rejects.toMatchObject(
        refused('"except"'),
      );
      expect(await sessions.list('ann')).toHaveLength(1);
    },
  );
});

test.each(['user', 'device'] as const)(
  'a %s that throws nothing ends the request all the same',
  async (option) => {
    const { answer } = await write(option, () => {
      throw undefined;
    });
    expect(answer.status).toBe(500);
  },
);

test('a genid that returns the id of another session leaves that one as it was', async () => {
  const { client } = await serveSessions({ redis: file.redis, genid: () => 'the same for all' }, (app) => {
    app.get('/write/:count', (req, res) => {
      data(req).count = req.params.count;
      res.send('stored');
    });
    app.get('/read', (req, res) => res.send(String(data(req).count)));
  });
  const first = client();
  await first.get('/write/1');
  const second = await client().get('/write/2');
  expect(second).toMatchObject({ status: 500, cookie: undefined });
  expect(second.text).toContain('SESSION_ID_IN_USE');
  expect((await first.get('/read')).text).toBe('1');
});
