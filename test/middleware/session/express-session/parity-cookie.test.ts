import { createSecretKey } from 'node:crypto';
import cookieParser from 'cookie-parser';
import type { Express, Request } from 'express';
import { describe, test } from 'vitest';
import { redisForFile } from '../../support/redis-for-file.js';
import { data, SECRET } from '../support/session-client.js';
import { expectAlike, type Scene } from './support/compared.js';

const file = redisForFile();
const HOUR = 3_600_000;
const inHours = (hours: number) => new Date(Date.now() + hours * HOUR);
const WRITES = [['/write', '/write', '/read']];

describe('as on express-session, the option cookie', () => {
  test.each<[string, object]>([
    ['maxAge', { maxAge: 5 * HOUR }],
    ['maxAge, a fraction', { maxAge: 5 * HOUR + 0.5 }],
    ['maxAge: null', { maxAge: null }],
    ['maxAge: undefined', { maxAge: undefined }],
    ['maxAge, a date', { maxAge: inHours(5) }],
    ['expires, a date', { expires: inHours(5) }],
    ['expires, a number', { expires: 5 * HOUR }],
    ['expires: null', { expires: null }],
    ['expires before maxAge', { expires: inHours(9), maxAge: 5 * HOUR }],
    ['maxAge before expires', { maxAge: 5 * HOUR, expires: inHours(9) }],
    ['maxAge before expires: null', { maxAge: 5 * HOUR, expires: null }],
    ['sameSite: true', { sameSite: true }],
    ['sameSite: false', { sameSite: false }],
    ['sameSite in capitals', { sameSite: 'STRICT' }],
    ['sameSite: None', { sameSite: 'None' }],
    ['priority: High', { priority: 'High' }],
    ['priority: low', { priority: 'low' }],
    ['httpOnly: false', { httpOnly: false }],
    ['partitioned', { partitioned: true }],
    ['domain', { domain: 'example.com' }],
    ['domain: null', { domain: null }],
    ['domain: empty', { domain: '' }],
    ['secure: false', { secure: false }],
  ])('%s', (_name, cookie) => expectAlike(file, { options: { cookie }, asks: WRITES }));

  test('maxAge: false makes a cookie that ends with the browser', () =>
    expectAlike(file, { options: { cookie: { maxAge: false } }, asks: [['/write', '/read']] }));

  test('a function that returns a capitalised sameSite', () =>
    expectAlike(file, { options: { cookie: () => ({ sameSite: 'Lax', maxAge: HOUR }) }, asks: WRITES }));

  test('a function: a session keeps the lifetime that it was created with', () =>
    expectAlike(file, {
      options: {
        cookie: ({ query }: Request) => ({ sameSite: 'lax', maxAge: query.remember ? 5 * HOUR : null }),
      },
      asks: [
        ['/write?remember=1', '/write', '/read'],
        ['/write', '/write?remember=1', '/read?remember=1'],
      ],
    }));

  test('a function that returns dates', () =>
    expectAlike(file, {
      options: {
        cookie: ({ query }: Request) => ({ sameSite: 'lax', expires: inHours(query.long ? 9 : 5) }),
      },
      asks: [['/write?long=1', '/write', '/read']],
    }));
});

describe.each([{}, { maxAge: 9 * HOUR }, { expires: inHours(9) }])(
  'as on express-session, req.session.cookie with %j',
  (cookie) => {
    test.each<[string, object]>([
      ['maxAge', { maxAge: 5 * HOUR }],
      ['maxAge, a date', { maxAge: inHours(5) }],
      ['maxAge: null', { maxAge: null }],
      ['maxAge: undefined', { maxAge: undefined }],
      ['maxAge: 0', { maxAge: 0 }],
      ['maxAge in the past', { maxAge: -HOUR }],
      ['expires, a date', { expires: inHours(5) }],
      ['expires, a number', { expires: 5 * HOUR }],
      ['expires: null', { expires: null }],
      ['originalMaxAge', { originalMaxAge: 5 * HOUR }],
      ['sameSite capitalised', { sameSite: 'Strict' }],
      ['sameSite: null', { sameSite: null }],
      ['priority in capitals', { priority: 'HIGH' }],
      ['httpOnly', { httpOnly: false }],
      ['domain', { domain: 'a.example' }],
      ['path', { path: '/act' }],
      ['an attribute that does not exist', { colour: 'red' }],
    ])('%s', (_name, attributes) =>
      expectAlike(file, {
        options: { cookie },
        // Only ours sends a changed attribute of an existing session at once.
        asks: [['/act', '/read', '/write']],
        act: (req, res) => {
          data(req).acted = true;
          Object.assign(req.session.cookie, attributes);
          const { originalMaxAge, maxAge } = req.session.cookie;
          res.json([originalMaxAge, maxAge].map((ms) => ms && Math.round(ms / HOUR)));
        },
      }),
    );
  },
);

describe('as on express-session, a secret', () => {
  test.each<[string, unknown]>([
    ['text', 'secret'],
    ['bytes', Buffer.from([0, 159, 146, 150])],
    ['a key', createSecretKey(Buffer.from('secret'))],
    ['a list of both', [Buffer.from('secret'), 'older']],
  ])('%s', (_name, secret) => expectAlike(file, { options: { secret }, asks: WRITES }));
});

describe('as on express-session, with cookieParser before it', () => {
  const moved = (app: Express) =>
    app.use((req, _res, next) => {
      req.headers.cookie = '';
      next();
    });
  test.each<[string, Scene]>([
    ['of the same secret', { before: (app) => app.use(cookieParser(SECRET)) }],
    ['of another secret', { before: (app) => app.use(cookieParser('other')) }],
    ['without a secret', { before: (app) => app.use(cookieParser()) }],
    ['of the same secret, the header emptied', { before: (app) => moved(app.use(cookieParser(SECRET))) }],
    ['of another secret, the header emptied', { before: (app) => moved(app.use(cookieParser('other'))) }],
    ['without a secret, the header emptied', { before: (app) => moved(app.use(cookieParser())) }],
    [
      'whose secret is the only one',
      { options: { secret: undefined }, before: (app) => app.use(cookieParser(SECRET)) },
    ],
  ])('%s', (_name, scene) => expectAlike(file, { ...scene, asks: WRITES }));
});

describe('as on express-session, a request that sends', () => {
  test.each([
    'connect.sid=',
    'connect.sid=s%3A',
    'connect.sid=s%3A.',
    'connect.sid=s%3Aid',
    'connect.sid=s%3Aid.signature',
    'connect.sid=unsigned',
    'connect.sid=%E0%A4%A',
    'connect.sid=j%3A%7B%7D',
    'connect.sid',
    '; ;=;connect.sid=s:x',
    'connect.sid=a; connect.sid=b',
  ])('%s', (cookie) => expectAlike(file, { init: { headers: { cookie } }, asks: WRITES }));

  test('its cookie in quotes, or not encoded', () =>
    expectAlike(file, {
      before: (app) =>
        app.use((req, _res, next) => {
          const [, name, value] = /^(.*sid)=(.*)$/.exec(req.headers.cookie ?? '') ?? [];
          if (req.path === '/read') req.headers.cookie = `${name}="${value}"`;
          if (req.path === '/act') req.headers.cookie = decodeURIComponent(`${name}=${value}`);
          next();
        }),
      act: (req, res) => void res.json(data(req).count ?? null),
      asks: [['/write', '/read', '/act']],
    }));
});

// express-session also has a session below '/foobar', which browsers send no cookie of '/foo' to (RFC 6265, section 5.1.4).
describe('as on express-session, with cookie.path', () => {
  const PATHS = ['/', '/foo', '/foo/bar', '/foo/bar/baz', '/FOO', '/foo?x=1', '/x/foo/bar', '/?/foo'];
  test.each(['/', '/foo', '/foo/', '/foo/bar'])('%s', (path) =>
    expectAlike(file, {
      options: { cookie: { path } },
      routes: (app) =>
        app.use((req, res) => {
          if (req.session) data(req).a = 1;
          res.send(typeof req.session);
        }),
      asks: PATHS.map((each) => [each]),
    }),
  );
});

describe('as on express-session, behind a proxy', () => {
  const PROTOCOLS = ['https', 'http', 'https,http', 'http,https', 'HTTPS', ''];
  const CASES = [true, false, undefined].flatMap((proxy) => [true, false].map((trust) => ({ proxy, trust })));
  test.each(CASES)('option proxy $proxy, trust proxy $trust', async ({ proxy, trust }) => {
    for (const secure of [true, 'auto']) {
      await expectAlike(file, {
        options: { proxy, name: 'x.sid', cookie: { secure, sameSite: 'auto' } },
        before: (app) =>
          app.set('trust proxy', trust).use((req, _res, next) => {
            req.headers['x-forwarded-proto'] = String(req.query.from);
            next();
          }),
        asks: PROTOCOLS.map((protocol) => [`/write?from=${protocol}`]),
      });
    }
  });
});
