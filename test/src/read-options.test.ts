import { expect, test } from 'vitest';
import { ToolkitError } from '../../src/errors.js';
import {
  aBoolean,
  anIoredisClient,
  anyOf,
  aPositiveInteger,
  aString,
  oneOf,
  readOptions,
} from '../../src/read-options.js';

interface Given {
  readonly limit?: number;
  readonly windowMs?: number;
  readonly name?: string;
  readonly rolling?: boolean;
}

const checks = {
  limit: aPositiveInteger('requests', 1_000),
  windowMs: aPositiveInteger('milliseconds'),
  name: aString,
  rolling: aBoolean,
};

const read = (given: unknown, required: (keyof Given)[] = []) =>
  readOptions<Given, { limit: number }>('rateLimit', given as Given, checks, { limit: 5 }, required);

function refusal(given: unknown, required?: (keyof Given)[]): ToolkitError {
  try {
    read(given, required);
  } catch (error) {
    expect(error).toBeInstanceOf(ToolkitError);
    return error as ToolkitError;
  }
  throw new Error('it was not refused');
}

test.each([
  ['limt', 'limit'],
  ['windowms', 'windowMs'],
  ['windowMS', 'windowMs'],
  ['roling', 'rolling'],
])('the unknown option "%s" is refused with the hint "%s"', (wrong, meant) => {
  const error = refusal({ [wrong]: 1 });
  expect(error.code).toBe('OPTION_UNKNOWN');
  expect(error.message).toBe(`rateLimit: unknown option "${wrong}"; did you mean "${meant}"?`);
});

test('an unknown option that resembles no known one is answered with the list of options', () => {
  expect(refusal({ somethingElse: 1 }).message).toContain('it takes limit, windowMs, name, rolling');
});

test.each(['toString', 'constructor', '__proto__'])(
  'the inherited name "%s" is an unknown option',
  (name) => {
    const given = Object.defineProperty({}, name, { value: 1, enumerable: true });
    expect(refusal(given).code).toBe('OPTION_UNKNOWN');
  },
);

test.each([
  [{ limit: 0 }, 'rateLimit: option "limit" must be a whole number of requests from 1 to 1000'],
  [{ limit: 1_001 }, 'rateLimit: option "limit" must be a whole number of requests from 1 to 1000'],
  [{ limit: 1.5 }, 'rateLimit: option "limit" must be a whole number'],
  [{ limit: Number.NaN }, 'rateLimit: option "limit" must be a whole number'],
  [{ limit: '5' }, 'rateLimit: option "limit" must be a whole number'],
  [{ limit: null }, 'rateLimit: option "limit" must be a whole number'],
  [
    { windowMs: Number.POSITIVE_INFINITY },
    'rateLimit: option "windowMs" must be a whole number of milliseconds',
  ],
  [{ name: '' }, 'rateLimit: option "name" must be a non-empty string'],
  [{ rolling: 'yes' }, 'rateLimit: option "rolling" must be true or false'],
])('the bad value %o is refused, and the error names the valid values', (given, message) => {
  const error = refusal(given);
  expect(error.code).toBe('OPTION_INVALID');
  expect(error.message).toContain(message);
});

test.each([undefined, null, 5, 'redis://'])('%o in place of the options is refused', (given) => {
  expect(refusal(given).message).toBe('rateLimit: options must be an object');
});

test('a required option that is missing or undefined is named in the error', () => {
  for (const given of [{}, { name: undefined }]) {
    expect(refusal(given, ['name']).message).toBe(
      'rateLimit: option "name" is missing: it must be a non-empty string',
    );
  }
});

test('an undefined option takes its default; a value given wins', () => {
  expect(read({ limit: undefined })).toEqual({ limit: 5 });
  expect(read({ limit: 7 })).toEqual({ limit: 7 });
});

test('options may be frozen, are not changed, and changing them later has no effect', () => {
  expect(read(Object.freeze({ limit: 7 }))).toEqual({ limit: 7 });
  const given = { windowMs: 10 };
  const options = read(given);
  expect(given).toEqual({ windowMs: 10 });
  given.windowMs = 20;
  expect(options.windowMs).toBe(10);
});

test('anyOf accepts each of its alternatives and lists all of them when it refuses', () => {
  const check = anyOf(oneOf(null, 'auto'), aPositiveInteger('milliseconds', 9));
  expect(check(null)).toBeUndefined();
  expect(check(9)).toBeUndefined();
  expect(check(10)).toBe(
    'must be one of null, "auto", or must be a whole number of milliseconds from 1 to 9',
  );
});

test('a Cluster client that reads from replicas is refused', () => {
  const cluster = (scaleReads: string) => ({
    sendCommand: () => undefined,
    status: 'wait',
    options: { scaleReads },
  });
  expect(anIoredisClient(cluster('slave'))).toMatch('scaleReads "master"');
  expect(anIoredisClient(cluster('master'))).toBeUndefined();
});

test('a client inside an object, where the client is an argument of its own, is explained', () => {
  const client = { sendCommand: () => undefined, status: 'ready' };
  expect(anIoredisClient(client)).toBeUndefined();
  expect(anIoredisClient({ redis: client })).toContain('the client itself');
  expect(anIoredisClient({ redis: {} })).toContain('must be an ioredis Redis or Cluster');
});
