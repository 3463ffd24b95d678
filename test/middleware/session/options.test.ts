import { generateKeyPairSync } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { session } from '../../../middleware/session/session.js';
import { redisForFile } from '../support/redis-for-file.js';
import { SECRET } from './support/session-client.js';

const file = redisForFile();

test('options of express-session that do not exist here are refused with advice', () => {
  for (const [option, advice] of [
    ['store', /option "redis"/],
    ['key', /"name"/],
    ['maxAge', /it goes into "cookie"/],
    ['secure', /it goes into "cookie"/],
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
  { path: '' },
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
