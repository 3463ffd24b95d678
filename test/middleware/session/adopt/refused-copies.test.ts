import { expect, test } from 'vitest';
import type { SessionOptions } from '../../../../middleware/session/options.js';
import { redisForFile } from '../../support/redis-for-file.js';
import { clientOf } from '../support/session-client.js';
import { at, serveNew, serveOld, shown } from './support/both-apps.js';
import { MAX_AGE_MS, type OldOptions } from './support/moving-app.js';

const file = redisForFile();
const HEX = {
  stringify: (session: object) => Buffer.from(JSON.stringify(session)).toString('hex'),
  parse: (text: string): unknown => JSON.parse(Buffer.from(text, 'hex').toString()),
};
const expired = (text: string) =>
  JSON.stringify({ ...JSON.parse(text), cookie: { originalMaxAge: 1000, expires: '2020-01-01T00:00:00Z' } });

interface Case {
  readonly old?: OldOptions;
  /** Spoils the text that connect-redis stored. */
  readonly spoil?: (text: string) => string;
  readonly options?: Partial<SessionOptions>;
  readonly reason: string;
}

const CASES: Record<string, Case> = {
  'is not JSON': { spoil: () => '{"cookie":', reason: 'cannot read it' },
  'is JSON, but no session': { spoil: () => '[1]', reason: 'not a session of express-session' },
  'has no cookie': { spoil: () => '{"user":"u"}', reason: 'not a session of express-session' },
  'is from another serializer': { old: { serializer: HEX }, reason: 'cannot read it' },
  'is larger than maxBytes': {
    spoil: (text) => JSON.stringify({ ...JSON.parse(text), big: 'x'.repeat(3000) }),
    options: { maxBytes: 1000 },
    reason: 'more than maxBytes',
  },
  'is slightly larger than maxBytes': {
    spoil: (text) => JSON.stringify({ ...JSON.parse(text), big: 'x'.repeat(995) }),
    options: { maxBytes: 1000 },
    reason: 'more than maxBytes',
  },
  'has expired and no expiry in Redis': { spoil: expired, old: { disableTTL: true }, reason: 'expired' },
  'has a property that cannot be stored': {
    spoil: (text) => text.replace('{', '{"__proto__":{"admin":true},'),
    reason: 'a property that cannot be stored',
  },
  'has a property named like a method': {
    spoil: (text) => text.replace('{', '{"save":1,'),
    reason: 'a property that cannot be stored',
  },
  'is signed by another secret': { old: { secret: 'another' }, reason: 'none of the secrets' },
};

test.each(Object.entries(CASES))(
  'an old session that %s becomes a new one, is reported once and stays untouched',
  async (_name, { old = {}, spoil = (text) => text, options = {}, reason }) => {
    const browser = clientOf(await serveOld(file.server.url, old));
    const { text: id } = await browser.get('/login?user=u');
    const key = `sess:${id}`;
    const before = spoil((await file.redis.get(key))!);
    await file.redis.set(key, before, 'KEEPTTL');
    const { url, logger } = await serveNew(file.redis, options);
    for (let i = 0; i < 3; i++) expect(await shown(at(url, browser))).toEqual({});
    const fresh = at(url, browser);
    expect((await fresh.get('/set/a')).text).not.toBe(id);
    expect(await shown(fresh)).toEqual({ a: '1' });
    const reports = logger.lines.filter((line) => JSON.stringify(line).includes('SESSION_NOT_ADOPTED'));
    expect(reports).toHaveLength(1);
    expect(JSON.stringify(reports[0])).toContain(reason);
    expect(JSON.stringify(reports[0])).not.toContain(id);
    expect(await file.redis.get(key)).toBe(before);
    await file.redis.pexpire(key, MAX_AGE_MS);
  },
);

test('an old session whose maxAge is beyond all dates is adopted without it', async () => {
  const browser = clientOf(await serveOld(file.server.url));
  const { text: id } = await browser.get('/login?user=u');
  const spoilt = JSON.stringify({ user: 'u', cookie: { originalMaxAge: 9e15 } });
  await file.redis.set(`sess:${id}`, spoilt, 'KEEPTTL');
  const { url } = await serveNew(file.redis);
  expect(await shown(at(url, browser))).toEqual({ user: 'u' });
  expect((await at(url, browser).get('/life')).text).toBe('null');
});

test('a key of another type under the old prefix is not touched', async () => {
  const browser = clientOf(await serveOld(file.server.url));
  const { text: id } = await browser.get('/login?user=u');
  await file.redis.del(`sess:${id}`);
  await file.redis.hset(`sess:${id}`, 'field', 'value');
  await file.redis.pexpire(`sess:${id}`, MAX_AGE_MS);
  const { url } = await serveNew(file.redis);
  expect(await shown(at(url, browser))).toEqual({});
  expect(await file.redis.hgetall(`sess:${id}`)).toEqual({ field: 'value' });
});

test('sessions of a custom serializer are adopted with its functions, also asynchronous ones', async () => {
  const browser = clientOf(await serveOld(file.server.url, { serializer: HEX }));
  await browser.get('/login?user=u');
  const later = async (text: string) => HEX.parse(text);
  for (const deserialize of [later, HEX.parse]) {
    const { url } = await serveNew(file.redis, { adopt: { deserialize }, prefix: `${deserialize.name}:` });
    expect(await shown(at(url, browser))).toEqual({ user: 'u' });
  }
});

test('an old session without an expiry in Redis is adopted, and ours has one', async () => {
  const browser = clientOf(await serveOld(file.server.url, { disableTTL: true }));
  const { text: id } = await browser.get('/login?user=u');
  const { url } = await serveNew(file.redis);
  expect(await shown(at(url, browser))).toEqual({ user: 'u' });
  await at(url, browser).get('/logout');
  expect(await file.redis.exists(`sess:${id}`)).toBe(0);
});

test.each<[string, unknown, string]>([
  ['a word', 'sess:', 'option "adopt" must be an object'],
  ['an unknown name', { keyPrefix: 'a' }, 'session adopt: unknown option "keyPrefix"'],
  ['remove beside mirror', { remove: true, mirror: true }, '"remove" deletes the old copies'],
  ['a serializer', { serializer: HEX }, 'deserialize: serializer.parse'],
])('%s as adopt is refused when the middleware is made', async (_name, adopt, message) => {
  await expect(serveNew(file.redis, { adopt: adopt as never })).rejects.toThrow(message);
});
