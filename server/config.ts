import { randomBytes } from 'node:crypto';
import express from 'express';
import { z } from 'zod';
import { StartupError } from './startup-error.js';

export interface Config {
  port: number;
  /** Not given: a server of our own is started. Always given in production. */
  redisUrl: string | undefined;
  databaseUrl: string | undefined;
  sessionSecret: string;
  production: boolean;
  /** `auto`: only on requests that came over HTTPS. */
  secureCookie: true | 'auto';
  logLevel: z.infer<typeof LogLevel>;
  /** Lines for people, or JSON for machines. */
  logFormat: 'text' | 'json';
  /** As Express' setting of the same name takes it. */
  trustProxy: boolean | number | string;
  /** The ids of the users who may use /ops; without any, requests from this machine may. */
  opsAdmins: readonly string[];
}

const SECRET_LENGTH = 32;

const LogLevel = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
  error: 'must be fatal, error, warn, info, debug, trace or silent',
});

const serverUrl = (fits: (url: URL) => boolean, example: string) =>
  z.string().refine((text) => URL.canParse(text) && fits(new URL(text)), {
    error: `must be a URL such as ${example}`,
  });

const isRedis = (url: URL) =>
  /^rediss?:$/.test(url.protocol) &&
  namesServer(url) &&
  /^(\/\d*)?$/.test(url.pathname) &&
  isDecodable(url.username + url.password);

const isPostgres = (url: URL) => /^postgres(ql)?:$/.test(url.protocol) && namesServer(url);

// Without a host it is the local one's database of that name or number.
const namesServer = ({ hostname, pathname }: URL) => hostname !== '' || pathname.length > 1;

// ioredis decodes the password and throws; pg takes a bare % as it is.
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const Environment = z.object({
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, { error: 'must be a number from 0 to 65535' })
    .transform(Number)
    .pipe(z.number().max(65_535, { error: 'must be a number from 0 to 65535' }))
    .default(3000),
  REDIS_URL: serverUrl(isRedis, 'redis://localhost:6379').optional(),
  DATABASE_URL: serverUrl(isPostgres, 'postgres://user:password@localhost:5432/app').optional(),
  SESSION_SECRET: z.string().optional(),
  NODE_ENV: z
    .enum(['development', 'test', 'production'], { error: 'must be development, test or production' })
    .default('development'),
  LOG_LEVEL: LogLevel.default('info'),
  LOG_FORMAT: z.enum(['text', 'json'], { error: 'must be text or json' }).optional(),
  COOKIE_SECURE: z.enum(['true', 'auto'], { error: 'must be true or auto' }).optional(),
  OPS_ADMINS: z
    .string()
    .transform((list) => list.split(',').map((id) => id.trim().toLowerCase()))
    .refine((ids) => ids.every((id) => z.uuid().safeParse(id).success), {
      error: 'must be the ids of users (UUIDs), separated by commas',
    })
    .optional(),
  TRUST_PROXY: z
    .string()
    .transform(parseTrustProxy)
    .refine(isTrustProxy, {
      error: 'must be true, false, a number of proxies, or their addresses such as loopback, 10.0.0.0/8',
    })
    .default(false),
});

function parseTrustProxy(value: string): boolean | number | string {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^\d+$/.test(value) ? Number(value) : value;
}

function isTrustProxy(value: boolean | number | string): boolean {
  try {
    express().set('trust proxy', value);
    return true;
  } catch {
    return false;
  }
}

const production = Environment.required({ REDIS_URL: true, DATABASE_URL: true, SESSION_SECRET: true }).extend(
  {
    SESSION_SECRET: z
      .string({ error: 'is required' })
      .min(SECRET_LENGTH, { error: `must have at least ${SECRET_LENGTH} characters` }),
  },
);

function oneLine({ issues }: z.ZodError, given: Record<string, string>): string {
  const problems = issues.map(({ path: [name], message }) =>
    given[String(name)] === undefined
      ? `${String(name)} is required with NODE_ENV=production`
      : `${String(name)} ${message}`,
  );
  return problems.join('; ');
}

/** Reads the settings from the environment; a StartupError says in one line what is wrong, and never repeats a value. */
export function readConfig(env: Record<string, string | undefined>, isTerminal = false): Config {
  // Docker Compose hands on unset variables as empty ones.
  const given = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
  const schema = given.NODE_ENV === 'production' ? production : Environment;
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw new StartupError(oneLine(parsed.error, given));
  const { PORT, REDIS_URL, DATABASE_URL, SESSION_SECRET, NODE_ENV } = parsed.data;
  const { LOG_LEVEL, LOG_FORMAT, COOKIE_SECURE, TRUST_PROXY, OPS_ADMINS = [] } = parsed.data;
  return {
    port: PORT,
    redisUrl: REDIS_URL,
    databaseUrl: DATABASE_URL,
    sessionSecret: SESSION_SECRET ?? randomBytes(SECRET_LENGTH).toString('base64url'),
    production: NODE_ENV === 'production',
    secureCookie: (COOKIE_SECURE ?? (NODE_ENV === 'production' ? 'true' : 'auto')) === 'true' || 'auto',
    logLevel: LOG_LEVEL,
    logFormat: LOG_FORMAT ?? (isTerminal && NODE_ENV !== 'production' ? 'text' : 'json'),
    trustProxy: TRUST_PROXY,
    opsAdmins: OPS_ADMINS,
  };
}
