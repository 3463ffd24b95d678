import { generateKeyPairSync } from 'node:crypto';
import express from 'express';
import { expect, test, vi } from 'vitest';
import type { SessionOptions } from '../../../middleware/session/options.js';
import { session } from '../../../middleware/session/session.js';
import { recordingLogger } from '../../faults/clients.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';
import { data, SECRET, serveSessions, tellError } from './support/session-client.js';

const file = redisForFile();

test('options of express-session that do not exist here are refused with advice', () => {
  for (const [option, advice] of [
    ['store', /option "redis"/],
    ['key', /"name"/],
    ['maxAge', /it goes into "cookie"/],
    ['secure', /it goes into "cookie"/],
    ['priority', /it goes into "cookie"/],
    ['partitioned', /it goes into "cookie"/],
    ['client', /it is called "redis"/],
    ['ttl', /"idleTimeoutMs", in milliseconds/],
    ['disableTouch', /leave it out.*reading a session extends it/],
    ['disableTTL', /leave it out.*every session ends/],
    ['serializer', /leave it out.*JSON/],
    ['scanCount', /leave it out.*list/],
    ['keyPrefix', /it is called "prefix"/],
    ['keys', /it is called "secret"/],
    ['autoCommit', /leave it out.*before the response/],
    ['touchAfter', /leave it out.*once a minute/],
    ['generate', /it is called "genid"/],
  ] as const) {
    const given = { redis: file.redis, secret: SECRET, [option]: false };
    expect(() => session(given)).toThrow(advice);
  }
});

test('cookie attributes that do not exist here are refused with advice', () => {
  for (const [attribute, advice] of [
    ['signed', /always signed/],
    ['overwrite', /one cookie/],
    ['encode', /percent-encoded/],
  ] as const) {
    const cookie = { [attribute]: true };
    expect(() => session({ redis: file.redis, secret: SECRET, cookie })).toThrow(advice);
  }
});

test.each([
  { maxAge: 0 },
  { maxAge: -1 },
  { maxAge: Number.NaN },
  { maxAge: 1e300 },
  { maxAge: '5000' },
  { maxAge: true },
  { expires: new Date('x') },
  { expires: '2030-01-01' },
  { sameSite: 'sometimes' },
  { priority: 'urgent' },
  { domain: 7 },
  { domain: 'https://example.com' },
  { domain: 'example.com:3000' },
  { domain: 'example.com/shop' },
  { domain: 'exa mple.com' },
  { domain: '*.example.com' },
  { path: '' },
  { path: 'admin' },
  { path: '/admin?area=1' },
  { path: '/admin#users' },
  { path: '/my admin' },
  { path: '/a/../admin' },
  { path: '/admin/..' },
  { path: 'https://example.com/' },
  { path: '/a;b' },
  { path: '/a\n' },
  { expires: new Date(Date.now() - 1_000) },
  { maxAge: new Date(0) },
])('the cookie option %j is refused', (cookie) => {
  const [name] = Object.keys(cookie);
  const make = () => session({ redis: file.redis, secret: SECRET, cookie: cookie as object });
  expect(make).toThrow(`session cookie: option "${name}" must be`);
});

test('a secret that cannot sign is refused', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  for (const secret of ['', Buffer.alloc(0), [], [''], ['x', ''], 7, privateKey]) {
    expect(() => session({ redis: file.redis, secret: secret as string })).toThrow(
      'option "secret" must be a non-empty string, Buffer or secret KeyObject',
    );
  }
});

test('resave: true is logged once, and resave: false is not', () => {
  const warn = vi.fn();
  const logger = { info() {}, warn, error() {} };
  session({ redis: file.redis, secret: SECRET, logger, resave: false });
  expect(warn).not.toHaveBeenCalled();
  session({ redis: file.redis, secret: SECRET, logger, resave: true });
  expect(warn.mock.calls).toEqual([
    [{ code: 'SESSION_RESAVE_UNNEEDED' }, expect.stringMatching(/never written.*Leave it out/)],
  ]);
});

test('maxPerUser and device are refused without the option user', () => {
  for (const option of [{ maxPerUser: 1 }, { device: () => ({}) }]) {
    expect(() => session({ redis: file.redis, secret: SECRET, ...option })).toThrow(/needs option "user"/);
  }
});

test.each(['a b', 'a;b', 'a=b', 'a\tb', 'sid\n', 'ä', ' sid'])('the cookie name %j is refused', (name) => {
  const make = () => session({ redis: file.redis, secret: SECRET, name });
  expect(make).toThrow('session: option "name" must be');
});

test.each(['connect.sid', '__Secure', 'a:b', "x!#$%&'*+-.^_`|~"])(
  'the cookie name %j is accepted',
  (name) => {
    expect(() => session({ redis: file.redis, secret: SECRET, name })).not.toThrow();
  },
);

test.each(['example.com', '.example.com', 'a-b.example.co.uk', 'localhost', '127.0.0.1'])(
  'the cookie domain %j is accepted',
  (domain) => {
    expect(() => session({ redis: file.redis, secret: SECRET, cookie: { domain } })).not.toThrow();
  },
);

test('secret: undefined is refused, because a missing environment variable is not a missing option', () => {
  expect(() => session({ redis: file.redis, secret: undefined as never })).toThrow(
    /secret option required.*environment variable.*leave the key out/s,
  );
  expect(() => session({ redis: file.redis, secret: [SECRET, undefined as never] })).toThrow(
    /option "secret"/,
  );
  expect(() => session({ redis: file.redis })).not.toThrow();
});

const DAY = 86_400_000;
test.each<[string, Partial<SessionOptions>, boolean]>([
  ['maxAge of a year', { cookie: { maxAge: 365 * DAY } }, true],
  ['fixed end in a year', { cookie: { expires: new Date(Date.now() + 365 * DAY) } }, true],
  ['maxAge beyond absoluteTimeoutMs', { cookie: { maxAge: 2_000 }, absoluteTimeoutMs: 1_999 }, true],
  ['maxAge equal to absoluteTimeoutMs', { cookie: { maxAge: 2_000 }, absoluteTimeoutMs: 2_000 }, false],
  [
    'maxAge of a year and as long an absoluteTimeoutMs',
    { cookie: { maxAge: 365 * DAY }, absoluteTimeoutMs: 365 * DAY },
    false,
  ],
  ['cookie that ends with the browser', {}, false],
])(
  'a %s is accepted, and logged at construction if the session ends earlier: %j',
  (_what, options, isLogged) => {
    const warn = vi.fn();
    session({ redis: file.redis, secret: SECRET, logger: { info() {}, warn, error() {} }, ...options });
    const line = [
      { code: 'SESSION_ENDS_BEFORE_COOKIE' },
      expect.stringMatching(/lives longer than the session.*absoluteTimeoutMs/),
    ];
    expect(warn.mock.calls).toEqual(isLogged ? [line] : []);
  },
);

test.each<[string, Partial<SessionOptions>, object]>([
  ['a cookie function', { cookie: () => ({ maxAge: 365 * DAY }) }, {}],
  ['a request', {}, { maxAge: 365 * DAY }],
])('a maxAge of a year that %s sets is logged once', async (_what, options, attributes) => {
  const logger = recordingLogger();
  const { client } = await serveSessions({ redis: file.redis, logger, ...options }, (app) => {
    app.get('/', (req, res) => {
      data(req).user = 'u';
      Object.assign(req.session.cookie, attributes);
      res.end();
    });
  });
  for (let n = 0; n < 2; n++) expect((await client().get('/')).status).toBe(200);
  expect(logger.lines).toEqual([{ level: 'warn', message: expect.stringMatching(/absoluteTimeoutMs/) }]);
});

test('without the option secret and without cookieParser(secret), a request ends in SESSION_SECRET_MISSING', async () => {
  const app = express().use(session({ redis: file.redis, logger: quiet }), tellError);
  const answer = await fetch(await serve(app));
  expect(answer.status).toBe(500);
  expect(await answer.json()).toEqual({ error: 'SESSION_SECRET_MISSING' });
});
