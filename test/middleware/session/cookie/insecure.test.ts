import type { Express } from 'express';
import { expect, test } from 'vitest';
import type { SessionOptions } from '../../../../middleware/session/options.js';
import { recordingLogger } from '../../../faults/clients.js';
import { redisForFile } from '../../support/redis-for-file.js';
import { data, serveSessions } from '../support/session-client.js';

const file = redisForFile();
const https = { headers: { 'x-forwarded-proto': 'https' } };

async function explained(options: Partial<SessionOptions>, init: RequestInit, trust = false) {
  const logger = recordingLogger();
  const { client } = await serveSessions(
    { redis: file.redis, logger, ...options },
    (app: Express) => {
      app.get('/', (req, res) => {
        data(req).user = 'u';
        res.end();
      });
    },
    (app) => void app.set('trust proxy', trust),
  );
  const answers = [await client().get('/', init), await client().get('/', init)];
  return {
    messages: logger.lines.map(({ message }) => message),
    cookies: answers.map(({ cookie }) => cookie),
  };
}

test.each([
  ['Secure over plain HTTP', { secure: true }, {}, /no cookie is sent.*trust proxy.*proxy: true/, false],
  ['a proxy that is not trusted', { secure: 'auto' }, https, /without Secure.*X-Forwarded-Proto/, true],
  ['SameSite=None without Secure', { sameSite: 'none' }, {}, /SameSite=None without Secure/, true],
  ['Partitioned without Secure', { partitioned: true }, {}, /Partitioned without Secure/, true],
] as const)(
  'a cookie that browsers would drop is logged once: %s',
  async (_what, cookie, init, message, isSent) => {
    const { messages, cookies } = await explained({ cookie }, init);
    expect(messages).toEqual([expect.stringMatching(message)]);
    expect(cookies.every((given) => (given !== undefined) === isSent)).toBe(true);
  },
);

test('a cookie that browsers accept logs nothing', async () => {
  const all = { secure: true, sameSite: 'none', partitioned: true } as const;
  const { messages, cookies } = await explained({ cookie: all }, https, true);
  expect(messages).toEqual([]);
  expect(cookies[0]).toMatch(/^__Host-connect\.sid=.*Secure; Partitioned; SameSite=None/);
  expect((await explained({}, {})).messages).toEqual([]);
});

/** Uses an app whose Secure cookies cannot be sent over its plain HTTP. */
async function overPlainHttp(options: Partial<SessionOptions>) {
  const logger = recordingLogger();
  const prefix = `${Math.random()}:`;
  const { client } = await serveSessions(
    { redis: file.redis, logger, prefix, cookie: { secure: true }, ...options },
    (app: Express) => {
      app.get('/write', (req, res) => {
        data(req).user = 'u';
        res.send('ok');
      });
      app.get('/save', async (req, res) => {
        data(req).user = 'u';
        await req.session.save();
        res.send('ok');
      });
      app.get('/regenerate', async (req, res) => {
        await req.session.regenerate();
        data(req).user = 'u';
        res.send('ok');
      });
      app.get('/untouched', (_req, res) => void res.send('ok'));
      app.get('/reload', async (req, res) => {
        await req.session.save();
        await req.session.reload().catch((error) => res.send(error.code));
      });
    },
    (app) => void app.set('trust proxy', true),
  );
  return { client, logger, keys: () => file.redis.keys(`${prefix}*`) };
}

test.each<[string, Partial<SessionOptions>]>([
  ['/write', {}],
  ['/save', {}],
  ['/regenerate', {}],
  ['/untouched', { saveUninitialized: true }],
  ['/untouched', { saveUninitialized: true, rolling: true }],
  ['/write', { cookie: () => ({ secure: true }) }],
  ['/write', { user: () => 'ann', maxPerUser: 2 }],
])(
  'a new session whose Secure cookie is not sent is not stored, and this is logged once: %s with %j',
  async (path, options) => {
    const { client, logger, keys } = await overPlainHttp(options);
    for (let n = 0; n < 3; n++) {
      expect(await client().get(path)).toMatchObject({ status: 200, text: 'ok', cookie: undefined });
    }
    expect(await keys()).toEqual([]);
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]!.message).toMatch(/no cookie is sent.*not stored/);
  },
);

test('reload of a new session whose Secure cookie is not sent finds nothing', async () => {
  const { client } = await overPlainHttp({});
  expect((await client().get('/reload')).text).toBe('SESSION_NOT_FOUND');
});

test('an existing session is changed over plain HTTP although its Secure cookie cannot be sent', async () => {
  const { client, keys } = await overPlainHttp({ cookie: { secure: true, maxAge: 60_000 } });
  const one = client();
  await one.get('/write', https);
  expect(await keys()).toHaveLength(1);
  expect(await one.get('/save')).toMatchObject({ status: 200, cookie: undefined });
  expect(await keys()).toHaveLength(1);
});

test.each<[string, Partial<SessionOptions>, object]>([
  ['a cookie function', { name: '__Host-sid', cookie: () => ({ secure: true, path: '/a' }) }, {}],
  ['a cookie function without Secure', { name: '__Secure-sid', cookie: () => ({ secure: false }) }, {}],
  ['a request', { cookie: { secure: true } }, { domain: 'example.com' }],
])(
  'attributes of %s that contradict the prefix of the name are logged once',
  async (_what, options, attributes) => {
    const logger = recordingLogger();
    const { client } = await serveSessions(
      { redis: file.redis, logger, ...options },
      (app: Express) => {
        app.get('/a', (req, res) => {
          data(req).user = 'u';
          Object.assign(req.session.cookie, attributes);
          res.end();
        });
      },
      (app) => void app.set('trust proxy', true),
    );
    for (let n = 0; n < 2; n++) await client().get('/a', https);
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        message: expect.stringMatching(/browsers drop the cookie "__(Host|Secure)-.*without/),
      },
    ]);
  },
);
