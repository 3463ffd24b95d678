import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { RedisClient } from '../index.js';
import { luaTexts } from '../src/lua-texts.js';
import { labelledScript, loadScript } from '../src/redis/index.js';

const KEPT = 500;
// MONITOR halves what a Redis can do, so it ends soon after nobody asks.
const UNASKED_MS = 60_000;
const DEADLINE_MS = 5_000;
// Commands of which each argument is a key.
const ALL_KEYS = new Set(['MGET', 'DEL', 'UNLINK', 'EXISTS']);
const WHOLE_HASH = /[0-9a-f]{64}/g;

interface RanCommand {
  readonly number: number;
  readonly source: string;
  readonly text: string;
}

/** The commands that Redis ran for this process: their names and keys, never values. For development only. */
export class CommandLog {
  readonly #redis: RedisClient;
  readonly #url: string;
  readonly #awaited = new Map<string, (source: string) => void>();
  #monitor: Promise<Redis> | undefined;
  #unasked: NodeJS.Timeout | undefined;
  #ran: RanCommand[] = [];
  #last = 0;

  constructor(redis: RedisClient, url: string) {
    this.#redis = redis;
    this.#url = url;
  }

  /** The newest of the commands that were run after that number, and the number to ask with next. */
  async since(number: number): Promise<{ next: number; commands: string[] }> {
    clearTimeout(this.#unasked);
    this.#unasked = setTimeout(() => this.close(), UNASKED_MS).unref();
    this.#monitor ??= this.#open();
    await this.#monitor;
    const source = await this.#source();
    const ours = this.#ran.filter((ran) => ran.number > number && ran.source === source);
    return { next: this.#last, commands: ours.map(({ text }) => text) };
  }

  close(): void {
    clearTimeout(this.#unasked);
    void this.#monitor?.then((monitor) => monitor.disconnect()).catch(() => undefined);
    this.#monitor = undefined;
    this.#ran = [];
  }

  async #open(): Promise<Redis> {
    const monitor = new Redis(this.#url, { monitor: true, protocol: 2, retryStrategy: null });
    monitor.on('error', () => {});
    monitor.once('end', () => {
      this.#monitor = undefined;
    });
    monitor.on('monitor', (_time: string, args: string[], source: string) => this.#note(args, source));
    await once(monitor, 'monitoring', { signal: AbortSignal.timeout(DEADLINE_MS) }).catch((error) => {
      monitor.disconnect();
      throw error;
    });
    return monitor;
  }

  /** The address of the shared client, from which another process' commands differ. Earlier ones are all noted by now. */
  async #source(): Promise<string> {
    const token = randomUUID();
    const seen = new Promise<string>((resolve, reject) => {
      this.#awaited.set(token, resolve);
      setTimeout(reject, DEADLINE_MS, new Error('Redis ran no ECHO in time')).unref();
    });
    try {
      const [source] = await Promise.all([seen, this.#redis.echo(token)]);
      return source;
    } finally {
      this.#awaited.delete(token);
    }
  }

  #note([name = '', ...args]: string[], source: string): void {
    const command = name.toUpperCase();
    if (command === 'ECHO') this.#awaited.get(args[0] ?? '')?.(source);
    // A command that a script runs is part of the script.
    if (command === 'ECHO' || source === 'lua') return;
    this.#ran.push({ number: ++this.#last, source, text: this.#textOf(command, args) });
    if (this.#ran.length > 2 * KEPT) this.#ran = this.#ran.slice(-KEPT);
  }

  #textOf(command: string, args: string[]): string {
    const isScript = command === 'EVAL' || command === 'EVALSHA';
    const count = isScript ? Number(args[1]) : ALL_KEYS.has(command) ? args.length : 1;
    const first = isScript ? 2 : 0;
    const keys = args.slice(first, first + count).map((key) => key.replace(WHOLE_HASH, shortenedHash));
    const script = isScript ? [scriptName(command, args[0] ?? '')] : [];
    const rest = args.length > first + count ? ['…'] : [];
    return [command, ...script, ...keys, ...rest].join(' ');
  }
}

function scriptName(command: string, script: string): string {
  if (command === 'EVALSHA') return namesByDigest.get(script) ?? '(script)';
  // MONITOR escapes the line breaks. The first line tells the scripts apart.
  return scripts.find(({ lua }) => script.startsWith(lua.slice(0, lua.indexOf('\n'))))?.name ?? '(script)';
}

const scripts = Object.keys(luaTexts)
  .filter((name) => !name.includes('/'))
  .map(loadScript);
// Marks are set by a script with a label: here that of database 0, without a prefix.
const namesByDigest = new Map(
  scripts.flatMap((script) => [script, labelledScript(script, '0 ')]).map(({ sha, name }) => [sha, name]),
);

const shortenedHash = (hash: string): string => `${hash.slice(0, 8)}…`;
