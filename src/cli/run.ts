import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUnavailable, ToolkitError } from '../errors.js';
import { silentLogger } from '../logger.js';
import {
  audit,
  type EndedAction,
  messageWithCause,
  noting,
  type Operations,
  operations,
} from '../operations/index.js';
import { closeRedis, connectRedis, connectServers } from '../redis/index.js';
import { actorAtTerminal } from './actor.js';
import { type Options, readArguments, USAGE, UsageError } from './arguments.js';
import { purge, showEntry } from './cache.js';
import { type Command, type CommandContext, NotConfirmed } from './context.js';
import { blockClient, listLimits, resetClient, showClient, unblockClient } from './limits.js';
import { askOnTerminal, type Confirm, harmless } from './output.js';
import { doctor, listLocks } from './server.js';
import { endSessions, listSessions } from './sessions.js';

export interface Streams {
  out(text: string): void;
  err(text: string): void;
}

/** The commands, how many words each takes at most, and which options it takes beside those that all take. */
const COMMANDS: Readonly<
  Record<string, readonly [command: Command, words: number, ...options: (keyof Options)[]]>
> = {
  'limits list': [listLimits, 0],
  'limits show': [showClient, 1, 'limiter'],
  'limits reset': [resetClient, 1, 'limiter'],
  'limits block': [blockClient, 2, 'limiter'],
  'limits unblock': [unblockClient, 1, 'limiter'],
  'sessions list': [listSessions, 1],
  'sessions end': [endSessions, 2],
  'cache show': [showEntry, 1],
  'cache purge': [purge, 0, 'tag', 'url', 'key', 'all'],
  'locks list': [listLocks, 0],
  doctor: [doctor, 0],
};

const CLOSE_WITHIN_MS = 500;

/** Runs a command line. Resolves to its exit code. */
export async function run(
  args: readonly string[],
  { out, err }: Streams,
  confirm: Confirm = askOnTerminal,
): Promise<number> {
  try {
    const { options, words, timeoutMs } = readArguments(args);
    if (options.help) return say(out, USAGE, 0);
    if (options.version) return say(out, `${packageVersion()}\n`, 0);
    const { command, rest } = commandIn(words, options);
    const redis = await connect(options, timeoutMs);
    try {
      const where = { prefix: options.prefix, timeoutMs };
      const acting = operations(redis, { ...where, reports: false });
      const context = {
        redis,
        where,
        options,
        operations: acting,
        confirm: async (prompt: string) => options.yes || confirm(prompt),
        act: auditing(acting, err),
      };
      const { json, lines, exitCode = 0 } = await command(rest, context);
      const text = options.json ? JSON.stringify(json, null, 2) : lines.map(harmless).join('\n');
      return say(out, `${text}\n`, exitCode);
    } finally {
      await closeRedis(redis, { timeoutMs: CLOSE_WITHIN_MS });
    }
  } catch (error) {
    return explain(error, err);
  }
}

function connect({ redis: url, 'key-prefix': keyPrefix, single }: Options, timeoutMs: number) {
  // Anything else would lead to this machine.
  if (url === '' || (url?.includes('://') && !/^rediss?:/.test(url)))
    throw new UsageError('--redis must be a URL such as redis://localhost:6379');
  const target = {
    ...(url !== undefined && { url }),
    ...(keyPrefix && { keyPrefix }),
    logger: silentLogger,
    connectionName: 'express-redis-toolkit-cli',
  };
  return single ? connectRedis(target) : connectServers(target, timeoutMs);
}

/** One of the processes that mount `ops` publishes and logs what is done here. */
const auditing = ({ tell }: Operations, err: (text: string) => void): CommandContext['act'] => {
  const note = async (ended: EndedAction) => {
    if (await tell(ended).catch(() => false)) return;
    audit(ended);
    err('No process that mounts ops has heard of this action: it is in no audit log.\n');
  };
  return (action, on, run) => noting({ action, actor: actorAtTerminal(), on }, run, note);
};

function say(to: (text: string) => void, text: string, exitCode: number): number {
  to(text);
  return exitCode;
}

const OF_SOME_COMMANDS = ['limiter', 'tag', 'url', 'key', 'all'] as const;

function commandIn(
  words: readonly string[],
  options: Options,
): { command: Command; rest: readonly string[] } {
  const length = words[0] === 'doctor' ? 1 : 2;
  const name = words.slice(0, length).join(' ');
  const known = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!known) throw new UsageError(name === '' ? 'name a command' : `there is no command "${name}"`);
  const [command, atMost, ...taken] = known;
  // A user who gives an option of another command expects that it narrows the command.
  const stray = OF_SOME_COMMANDS.find(
    (option) => !taken.includes(option) && [options[option] ?? []].flat().some((value) => value !== false),
  );
  if (stray) throw new UsageError(`"${name}" does not take --${stray}`);
  const rest = words.slice(length);
  if (rest.length > atMost) throw new UsageError(`"${name}" does not take "${rest[atMost]}"`);
  return { command, rest };
}

function explain(error: unknown, err: (text: string) => void): number {
  if (error instanceof UsageError) return say(err, `${harmless(error.message)}. Try --help.\n`, 2);
  if (error instanceof NotConfirmed)
    return say(err, 'Nothing was done: confirm with y on a terminal, or add --yes.\n', 4);
  if (isUnavailable(error)) return say(err, `${harmless(messageWithCause(error))}\n`, 3);
  if (error instanceof ToolkitError) return say(err, `${harmless(error.message)}\n`, 1);
  throw error;
}

function packageVersion(): string {
  // Two folders up in the sources, one in the package.
  for (const above of ['../..', '..']) {
    try {
      const manifest = JSON.parse(readFileSync(join(__dirname, above, 'package.json'), 'utf8'));
      if (manifest.name === 'express-redis-toolkit') return String(manifest.version);
    } catch {
      // There is none in this folder.
    }
  }
  return 'unknown';
}
