import { parseArgs } from 'node:util';

/** A command line that cannot be run; its message says what to change. */
export class UsageError extends Error {}

export const USAGE = `Usage: express-redis-toolkit [options] <command>

  limits list                          the limiters that the processes declare
  limits show [<client>]               what a client has used; without one, who is blocked
  limits reset <client>                forgets its charges and its block
  limits block <client> <time>         refuses it, e.g. for 90s, 15m, 2h or 1d
  limits unblock <client>              ends its block
  sessions list <user>                 the live sessions of a user
  sessions end <user> [<session>]      ends one session, or all
  cache show <url or key>              a stored response, and why it is not served
  cache purge                          invalidates --tag, --url, --key (each may be repeated), or --all
  locks list                           who is waited for
  doctor                               examines Redis, and explains what it finds

Options:
  --redis <url>       default: REDIS_URL, then redis://127.0.0.1:6379. Of a Cluster any node: the others are found
  --single            this server alone, also when it is a node of a Cluster
  --prefix <text>     the option "prefix" of the middlewares
  --key-prefix <text> the option "keyPrefix" of the ioredis client
  --limiter <name>    one limiter, as "limits list" names it, e.g. login/15m
  --timeout <ms>      how long to wait for Redis; default 2000
  --json              JSON on stdout
  --yes               do not ask before more than one thing is ended or purged
  --help, --version

Exit codes: 0 done, 1 nothing found or a problem found, 2 wrong usage, 3 Redis does not answer, 4 not confirmed.
`;

const OPTIONS = {
  redis: { type: 'string' },
  single: { type: 'boolean', default: false },
  prefix: { type: 'string', default: '' },
  'key-prefix': { type: 'string' },
  limiter: { type: 'string' },
  timeout: { type: 'string', default: '2000' },
  tag: { type: 'string', multiple: true, default: [] as string[] },
  url: { type: 'string', multiple: true, default: [] as string[] },
  key: { type: 'string', multiple: true, default: [] as string[] },
  all: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  version: { type: 'boolean', default: false },
} as const;

/** The options of a command line, checked by `parseArgs`. */
export interface Options {
  readonly redis?: string;
  readonly single: boolean;
  readonly prefix: string;
  readonly 'key-prefix'?: string;
  readonly limiter?: string;
  readonly tag: readonly string[];
  readonly url: readonly string[];
  readonly key: readonly string[];
  readonly all: boolean;
  readonly json: boolean;
  readonly yes: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

const parsedArguments = (args: readonly string[]) =>
  parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });

/** @throws UsageError */
export function readArguments(args: readonly string[]) {
  try {
    const { values, positionals } = parsedArguments(args);
    const timeoutMs = Number(values.timeout);
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 60_000)
      throw new UsageError('--timeout must be a whole number of milliseconds from 1 to 60000');
    return { options: values, words: positionals, timeoutMs };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message);
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 366 * UNITS.d!;

/** Milliseconds of a text such as `15m`. @throws UsageError */
export function durationMs(text: string): number {
  const [, number = '', unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? Number.NaN);
  if (ms >= 1 && ms <= LONGEST_MS) return ms;
  throw new UsageError(`"${text}" is no time: give e.g. 90s, 15m, 2h or 1d, at most 366d`);
}

/** A word that the command cannot do without. @throws UsageError */
export function theWord(what: string, word: string | undefined): string {
  if (word === undefined || word === '') throw new UsageError(`name the ${what}`);
  return word;
}
