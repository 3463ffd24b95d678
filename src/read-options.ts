import { ToolkitError } from './errors.js';
import { calmLogger, type Logger } from './logger.js';
import { isThenable } from './settle.js';
import { mostSimilar } from './similar-name.js';

/** Returns a complaint about a value, or undefined when the value is valid. */
export type Check = (value: unknown) => string | undefined;

export const aFunction: Check = (value) => (typeof value === 'function' ? undefined : 'must be a function');
export const aBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');
export const aString: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be a non-empty string';
export const anAbortSignal: Check = (value) =>
  value instanceof AbortSignal ? undefined : 'must be an AbortSignal';
export const anything: Check = () => undefined;

export const aPositiveInteger = (unit: string, max = Number.MAX_SAFE_INTEGER): Check =>
  aWholeNumber(unit, max, 1);

export function aWholeNumber(unit: string, max: number, min = 0): Check {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : `must be a whole number of ${unit} from ${min} to ${max}`;
}

export function aNumber(description: string, max: number): Check {
  return (value) =>
    typeof value === 'number' && value >= 0 && value <= max
      ? undefined
      : `must be ${description} from 0 to ${max}`;
}

export const aListOfStrings: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
    ? undefined
    : 'must be a list of strings';

/** The name of a header field (RFC 9110 §5.1). */
export const aFieldName: Check = (value) =>
  typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)
    ? undefined
    : 'must be the name of a header field, such as "X-API-Key"';

/** A list, perhaps empty, of which each item passes. */
export function aListOf(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return 'must be a list';
    const complaint = value.map(check).find((each) => each !== undefined);
    return complaint && `has an item that ${complaint}`;
  };
}

export function oneOf(...allowed: readonly unknown[]): Check {
  return (value) =>
    allowed.includes(value)
      ? undefined
      : `must be one of ${allowed.map((item) => JSON.stringify(item)).join(', ')}`;
}

export function anyOf(...checks: readonly Check[]): Check {
  return (value) => {
    const complaints = checks.map((check) => check(value));
    return complaints.includes(undefined) ? undefined : complaints.join(', or ');
  };
}

/** An ioredis `Redis` or `Cluster`, recognised by its methods: two copies of ioredis may be installed. */
export const anIoredisClient: Check = (value) => {
  const client = value as {
    sendCommand?: unknown;
    status?: unknown;
    options?: { scaleReads?: unknown };
  } | null;
  if (typeof client?.sendCommand !== 'function' || typeof client.status !== 'string') {
    const { redis } = (value ?? {}) as { redis?: unknown };
    if (redis !== undefined && anIoredisClient(redis) === undefined) {
      return 'must be the client itself, as the first argument: (redis, …), not ({ redis, … })';
    }
    return 'must be an ioredis Redis or Cluster, e.g. connectRedis()';
  }
  // A replica may not have received an invalidation or a logout yet.
  return (client.options?.scaleReads ?? 'master') === 'master'
    ? undefined
    : 'must read from primaries: scaleReads "master"';
};

export const aLogger: Check = (value) =>
  (['warn', 'error'] as const).every(
    (level) => typeof (value as Record<string, unknown> | null)?.[level] === 'function',
  )
    ? undefined
    : "must have the methods warn and error, as pino, console and Nest's Logger have";

/** The options that every middleware has that talks to Redis. */
export const connectionChecks = {
  redis: anIoredisClient,
  prefix: (value: unknown) => (typeof value === 'string' ? undefined : 'must be a string'),
  timeoutMs: aPositiveInteger('milliseconds', 60_000),
  logger: aLogger,
} as const;

const CONNECTED = 'connect with connectRedis(), and give its client as "redis"';
const IN_REDIS = 'leave it out: everything is kept in the Redis of "redis"';

/** Advice on names that people bring along from many packages. */
const SHARED_HINTS: Readonly<Record<string, string>> = {
  client: 'use "redis"',
  redisClient: 'use "redis"',
  storeClient: 'use "redis"',
  store: IN_REDIS,
  stores: IN_REDIS,
  storage: IN_REDIS,
  host: CONNECTED,
  port: CONNECTED,
  url: CONNECTED,
  db: CONNECTED,
  socket: CONNECTED,
  keyPrefix: 'use "prefix"',
  prefixKey: 'use "prefix"',
  namespace: 'use "prefix"',
};

/** Options in which the defaults have filled the gaps. */
export type WithDefaults<Given, Defaults> = Given & Required<Pick<Given, keyof Given & keyof Defaults>>;

/**
 * Checks a factory's options once, refuses unknown names with a hint, and fills gaps with the defaults. It keeps no
 * reference to the caller's object, so a later change of that object has no effect. `hints` advise on names that
 * people know from other packages.
 *
 * @throws ToolkitError `OPTION_UNKNOWN`, `OPTION_INVALID`
 */
export function readOptions<Given extends object, Defaults extends Partial<Given>>(
  factory: string,
  given: Given,
  checks: { readonly [Name in keyof Required<Given>]: Check },
  defaults: Defaults,
  required: readonly (keyof Given & string)[] = [],
  hints: Readonly<Record<string, string>> = {},
): WithDefaults<Given, Defaults> {
  if (!isOptions(given)) {
    throw new ToolkitError('OPTION_INVALID', `${factory}: options must be an object`);
  }
  if (Object.hasOwn(checks, 'redis') && anIoredisClient(given) === undefined) {
    throw new ToolkitError('OPTION_INVALID', `${factory}: pass the client as an option: { redis }`);
  }
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of named) {
    if (Object.hasOwn(checks, name)) checkOption(factory, name, value, checks as Record<string, Check>);
    else throw unknownOption(factory, name, Object.keys(checks), hints[name] ?? SHARED_HINTS[name]);
  }
  const options = { ...defaults, ...Object.fromEntries(named.map(calmed)) } as unknown as WithDefaults<
    Given,
    Defaults
  >;
  for (const name of required) {
    if (options[name] === undefined) {
      const wanted = checks[name](undefined) ?? 'must be given';
      throw new ToolkitError('OPTION_INVALID', `${factory}: option "${name}" is missing: it ${wanted}`);
    }
  }
  return options;
}

const calmed = ([name, value]: [string, unknown]): [string, unknown] => [
  name,
  name === 'logger' ? calmLogger(value as Logger) : value,
];
// A list, a Map or a promise would count as no options at all.
const isOptions = (given: unknown): boolean =>
  ['[object Object]', '[object Module]'].includes(Object.prototype.toString.call(given)) &&
  !isThenable(given);

function checkOption(factory: string, name: string, value: unknown, checks: Record<string, Check>): void {
  const complaint = checks[name]?.(value);
  if (complaint) throw new ToolkitError('OPTION_INVALID', `${factory}: option "${name}" ${complaint}`);
}

function unknownOption(
  factory: string,
  name: string,
  known: string[],
  hint: string | undefined,
): ToolkitError {
  const similar = mostSimilar(name, known);
  const advice = hint ?? (similar ? `did you mean "${similar}"?` : `it takes ${known.join(', ')}`);
  return new ToolkitError('OPTION_UNKNOWN', `${factory}: unknown option "${name}"; ${advice}`);
}
