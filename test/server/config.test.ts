import { describe, expect, test } from 'vitest';
import { readConfig } from '../../server/config.js';
import { StartupError } from '../../server/startup-error.js';

const PRODUCTION = {
  NODE_ENV: 'production',
  REDIS_URL: 'redis://cache:6379',
  DATABASE_URL: 'postgres://app:hunter2@db/app',
  SESSION_SECRET: 'x'.repeat(32),
};

function refusal(env: Record<string, string | undefined>): string {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(StartupError);
    return (error as Error).message;
  }
  throw new Error('the configuration was accepted');
}

test('an empty environment is enough for development', () => {
  expect(readConfig({})).toEqual({
    port: 3000,
    redisUrl: undefined,
    databaseUrl: undefined,
    sessionSecret: expect.stringMatching(/^.{43}$/),
    production: false,
    secureCookie: 'auto',
    logLevel: 'info',
    logFormat: 'json',
    trustProxy: false,
    opsAdmins: [],
  });
});

test('the secret of a development server is a new one at each start', () => {
  expect(readConfig({}).sessionSecret).not.toBe(readConfig({}).sessionSecret);
  expect(readConfig({ SESSION_SECRET: 'mine' }).sessionSecret).toBe('mine');
});

test('the log is for people on a terminal in development, and for machines otherwise', () => {
  expect(readConfig({}, true).logFormat).toBe('text');
  expect(readConfig(PRODUCTION, true).logFormat).toBe('json');
  expect(readConfig({ ...PRODUCTION, LOG_FORMAT: 'text' }).logFormat).toBe('text');
  expect(readConfig({ LOG_FORMAT: 'json' }, true).logFormat).toBe('json');
  expect(refusal({ LOG_FORMAT: 'xml' })).toBe('LOG_FORMAT must be text or json');
});

test('empty variables count as unset', () => {
  expect(readConfig({ REDIS_URL: '', PORT: '' })).toMatchObject({ redisUrl: undefined, port: 3000 });
});

describe('production', () => {
  test('takes what it is given', () => {
    expect(readConfig(PRODUCTION)).toMatchObject({
      production: true,
      redisUrl: PRODUCTION.REDIS_URL,
      databaseUrl: PRODUCTION.DATABASE_URL,
      sessionSecret: PRODUCTION.SESSION_SECRET,
    });
  });

  test.each(['REDIS_URL', 'DATABASE_URL', 'SESSION_SECRET'])('requires %s, unset or empty', (name) => {
    const message = `${name} is required with NODE_ENV=production`;
    expect(refusal({ ...PRODUCTION, [name]: undefined })).toBe(message);
    expect(refusal({ ...PRODUCTION, [name]: '' })).toBe(message);
  });

  test('names all that is missing, in one line', () => {
    const message = refusal({ NODE_ENV: 'production' });
    for (const name of ['REDIS_URL', 'DATABASE_URL', 'SESSION_SECRET']) expect(message).toContain(name);
    expect(message).not.toContain('\n');
  });

  test('wants a secret of 32 characters, and does not repeat the one it got', () => {
    expect(refusal({ ...PRODUCTION, SESSION_SECRET: 'hunter2' })).toBe(
      'SESSION_SECRET must have at least 32 characters',
    );
  });
});

test('in production the cookie is for HTTPS alone, unless it is said to follow the request', () => {
  expect(readConfig(PRODUCTION).secureCookie).toBe(true);
  expect(readConfig({ ...PRODUCTION, COOKIE_SECURE: 'auto' }).secureCookie).toBe('auto');
  expect(readConfig({ COOKIE_SECURE: 'true' }).secureCookie).toBe(true);
});

test.each(['abc', '-1', '65536', '80.5', '1e3', ' 80'])('PORT=%s is refused', (PORT) => {
  expect(refusal({ PORT })).toBe('PORT must be a number from 0 to 65535');
});

test.each([
  ['REDIS_URL', 'http://:hunter2@cache', /^REDIS_URL must be a URL such as redis:/],
  ['DATABASE_URL', 'mysql://app:hunter2@db', /^DATABASE_URL must be a URL such as postgres:/],
  ['REDIS_URL', 'redis://:hunter2@cache:port', /^REDIS_URL must be a URL such as redis:/],
  ['REDIS_URL', 'redis://:hunter2%zz@cache', /^REDIS_URL must be a URL such as redis:/],
  ['REDIS_URL', 'redis://:hunter2@cache/sessions', /^REDIS_URL must be a URL such as redis:/],
  ['REDIS_URL', 'redis://?', /^REDIS_URL must be a URL such as redis:/],
  ['DATABASE_URL', 'postgres://app:hunter2@db:54x/app', /^DATABASE_URL must be a URL such as postgres:/],
  ['DATABASE_URL', 'postgres://app:hunter2/x@db/app', /^DATABASE_URL must be a URL such as postgres:/],
  ['DATABASE_URL', 'postgres://?', /^DATABASE_URL must be a URL such as postgres:/],
  ['OPS_ADMINS', 'alice@example.com', /^OPS_ADMINS must be the ids/],
  ['OPS_ADMINS', ',', /^OPS_ADMINS must be the ids/],
  ['TRUST_PROXY', 'yes', /^TRUST_PROXY must be /],
  ['TRUST_PROXY', '-1', /^TRUST_PROXY must be /],
  ['TRUST_PROXY', '10.0.0.0/99', /^TRUST_PROXY must be /],
  ['NODE_ENV', 'prod', /^NODE_ENV must be development, test or production$/],
  ['COOKIE_SECURE', 'false', /^COOKIE_SECURE must be true or auto$/],
  ['LOG_LEVEL', 'loud', /^LOG_LEVEL must be fatal, .* or silent$/],
])('%s=%s is refused, without repeating it', (name, value, message) => {
  expect(refusal({ [name]: value })).toMatch(message);
  expect(refusal({ [name]: value })).not.toContain('hunter2');
});

test.each([
  ['REDIS_URL', 'rediss://user:p%40ss@[::1]:6380/2'],
  ['DATABASE_URL', 'postgresql://app@db:5432/app?sslmode=disable'],
  ['REDIS_URL', 'redis:///2'],
  ['DATABASE_URL', 'postgres:///app?host=/var/run/postgresql'],
  ['DATABASE_URL', 'postgres://app:50%off@db/app'],
])('%s=%s is taken', (name, value) => {
  expect(Object.values(readConfig({ [name]: value }))).toContain(value);
});

test.each([
  ['true', true],
  ['false', false],
  ['2', 2],
  ['loopback, 10.0.0.0/8', 'loopback, 10.0.0.0/8'],
])('TRUST_PROXY=%s', (TRUST_PROXY, trustProxy) => {
  expect(readConfig({ TRUST_PROXY }).trustProxy).toBe(trustProxy);
});
