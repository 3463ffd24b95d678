import type { RedisOptions } from 'ioredis';
import { type Keys, keys } from '../keys.js';
import {
  labelledScript,
  linkTo,
  loadScript,
  NumbersOnServers,
  type RedisClient,
  readWithRunOf,
  type Script,
} from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { freshVersion } from './fresh-version.js';

const nameState = loadScript('name-state');
const markTag = loadScript('mark-tag');

/** The script that sets marks. Its digest is another for each set of keys, and tells whether a mark was ever set there. */
export const markScriptOf = ({ options }: RedisClient, prefix: string): Script =>
  labelledScript(markTag, `${(options as RedisOptions).db ?? 0} ${options.keyPrefix ?? ''}${prefix}`);

// One key could be evicted alone; three vanish together only when everything does.
const COPIES = [1, 2, 3];
const STATE_TTL_MS = 24 * 3_600_000;
const EXTEND_AFTER_MS = 3_600_000;
// A process with a mutation in flight looks ten times a second, so it marks again well within a second of a FLUSHALL.
const SETTLE_AFTER_FLUSH_MS = 1_000;
// After a restart it has to reconnect first, which takes a second at most after Redis' return.
const SETTLE_AFTER_RESTART_MS = 3_000;

/** The state of a server at the moment of a look. */
export interface StateSeen {
  /** Another name than last time: the data of the time before, and all marks, are lost. */
  readonly name: string;
  /** The state was lost a moment ago: nothing may be stored until the mutating processes have marked their tags again. */
  readonly isSettling: boolean;
}

interface KnownState extends StateSeen {
  readonly extendedAt: number;
}

/**
 * Notices that Redis lost its data (a restart, a failover, FLUSHALL), and with it the marks of mutations in flight. Three
 * copies of a random name lie on each server. A process that finds another name, or none, knows that the state is
 * not the one that it knew.
 *
 * A process that has never looked cannot tell a lost state from a fresh Redis. It takes a server without a name for a
 * fresh one, unless a mutation was marked in this run of the server.
 */
export class RedisState {
  readonly #redis: RedisClient;
  readonly #names: Keys;
  readonly #markScript: Script;
  readonly #servers: NumbersOnServers;
  readonly #known = new Map<number, KnownState>();
  readonly #asked = new Map<number, Promise<StateSeen>>();
  #losses = 0;

  constructor(redis: RedisClient, prefix: string) {
    this.#redis = redis;
    this.#names = keys(prefix);
    this.#markScript = markScriptOf(redis, prefix);
    this.#servers = new NumbersOnServers(redis, this.#names.settling);
  }

  /** Whether this process has looked before. */
  get isKnown(): boolean {
    return this.#known.size > 0;
  }

  /** How many losses this process has noticed. */
  get losses(): number {
    return this.#losses;
  }

  /** The name that this process knows for the servers on which some keys lie; undefined before its first look there. */
  nameKnown(keys: readonly string[]): string | undefined {
    const names = this.#serversOf(keys).map((server) => this.#known.get(server)?.name);
    return names.includes(undefined) ? undefined : names.join(' ');
  }

  /** The state of the servers on which some keys lie, as of after everything that this event-loop turn sends. */
  async look(keys: readonly string[], timeoutMs: number): Promise<StateSeen> {
    const seen = await Promise.all(this.#serversOf(keys).map((server) => this.#lookOnce(server, timeoutMs)));
    return {
      name: seen.map(({ name }) => name).join(' '),
      isSettling: seen.some(({ isSettling }) => isSettling),
    };
  }

  #serversOf(keys: readonly string[]): readonly number[] {
    return this.#redis.isCluster ? [...new Set(keys.map((key) => this.#servers.of(key)))] : [0];
  }

  // Sent last: a loss between the creation of a version and the look is noticed. The other way round it would not be.
  #lookOnce(server: number, timeoutMs: number): Promise<StateSeen> {
    const asked = this.#asked.get(server);
    if (asked) return asked;
    const seen = new Promise<StateSeen>((resolve) => {
      linkTo(this.#redis).beforeSending(() => {
        this.#asked.delete(server);
        resolve(this.#lookAt(server, timeoutMs));
      });
    });
    this.#asked.set(server, seen);
    return seen;
  }

  async #lookAt(server: number, timeoutMs: number): Promise<StateSeen> {
    const keys = this.#keysOf(server);
    const answer = linkTo(this.#redis).send<readonly (string | null)[]>('mget', keys, { timeoutMs });
    const read = await readWithRunOf(this.#redis)(keys[0]!, { answer, timeoutMs }, (answered) => answered);
    const known = this.#known.get(server);
    // Another server may have answered.
    if (!read) return { name: known?.name ?? '', isSettling: true };
    const { run } = read;
    const names = read.answer.slice(0, COPIES.length);
    const name = names.find((copy) => copy !== null) ?? '';
    const isWhole = names.every((copy) => copy === name);
    const isSame = isWhole && isOfRun(name, run) && (known?.name ?? name) === name;
    const isOld = known !== undefined && monotonicNow() - known.extendedAt > EXTEND_AFTER_MS;
    if (!isSame || isOld) return this.#nameState(server, { found: name, run, timeoutMs });
    const isSettling = read.answer.at(-1) !== null;
    this.#known.set(server, { name, isSettling, extendedAt: known?.extendedAt ?? monotonicNow() });
    return { name, isSettling };
  }

  async #nameState(server: number, { found, run, timeoutMs }: Found): Promise<StateSeen> {
    const known = this.#known.get(server);
    const settleMs = await this.#settleMs(server, { found, run, timeoutMs });
    const fresh = `${run}:${known || settleMs > 0 ? 's' : 'f'}:${freshVersion()}`;
    const [name, settling] = await linkTo(this.#redis).run<[string, number]>(
      nameState,
      this.#keysOf(server),
      [run, fresh, known?.name ?? '', STATE_TTL_MS, settleMs],
      { timeoutMs },
    );
    if (known && known.name !== name) this.#losses++;
    const isSettling = settling === 1;
    this.#known.set(server, { name, isSettling, extendedAt: monotonicNow() });
    return { name, isSettling };
  }

  /** For how long nobody stores, should the state turn out to be lost. */
  async #settleMs(server: number, { found, run, timeoutMs }: Found): Promise<number> {
    const known = this.#known.get(server);
    const isRestart = known ? !isKnownRun(known.name, run) || known.isSettling : !isOfRun(found, run);
    if (isRestart) return SETTLE_AFTER_RESTART_MS;
    const [routeBy] = this.#keysOf(server);
    const link = linkTo(this.#redis);
    // Redis remembers scripts through a FLUSHALL. No mark was lost where none was ever set, here or by other languages.
    const marking = ['exists', this.#markScript.sha, markTag.sha];
    const asked = link.send<readonly number[]>('script', marking, { timeoutMs, routeBy: routeBy! });
    const wasMarked = await asked.then((exist) => exist.includes(1)).catch(() => true);
    return wasMarked ? SETTLE_AFTER_FLUSH_MS : 0;
  }

  #keysOf(server: number): string[] {
    return [...COPIES.map((copy) => this.#names.redisState(server, copy)), this.#names.settling(server)];
  }
}

interface Found {
  /** Empty when there is no name. */
  readonly found: string;
  readonly run: string;
  readonly timeoutMs: number;
}

const runIn = (name: string): string => name.slice(0, Math.max(0, name.indexOf(':')));

/** Whether a name was given in this run of the server. A run that an ACL hides counts as any. */
const isOfRun = (name: string, run: string): boolean => [run, ''].includes(runIn(name)) || run === '';

const isKnownRun = (name: string, run: string): boolean => run !== '' && runIn(name) === run;

const states = new WeakMap<RedisClient, Map<string, RedisState>>();

/** The one that all users of a client and a prefix share. */
export function redisStateOf(redis: RedisClient, prefix: string): RedisState {
  const ofClient = states.get(redis) ?? new Map<string, RedisState>();
  states.set(redis, ofClient);
  const state = ofClient.get(prefix) ?? new RedisState(redis, prefix);
  ofClient.set(prefix, state);
  return state;
}
