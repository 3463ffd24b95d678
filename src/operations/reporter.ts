import { isUnavailable } from '../errors.js';
import { keys } from '../keys.js';
import { logInfo } from '../logger.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { subscriberConnectionOf } from '../subscriptions/index.js';
import { clearTimeout, monotonicNow, setTimeout } from '../timers.js';
import { audit, parseAction } from './audit.js';
import { Counters } from './counters.js';
import { watchOutages } from './outage-log.js';
import { cpuMeter, PROCESS_ID, type ProcessReport, processReport } from './process-report.js';

/** How long a process counts on after somebody has looked. */
export const LOOK_LASTS_MS = 5_000;
/** The message of somebody who begins to look, and has no report yet. */
export const FIRST_LOOK = 'first';
// Two people who look at the same time do not double the work.
const BETWEEN_REPORTS_MS = 300;

/** The channels of one application: ioredis puts its `keyPrefix` in front of keys only. */
export const channelsOf = (redis: RedisClient, prefix: string) =>
  keys(`${redis.options.keyPrefix ?? ''}${prefix}`);

/** Counts and reports the decisions of this process while somebody looks. Otherwise it waits for a message. */
export class Reporter {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #cpuShare = cpuMeter();
  #counters: Counters | undefined;
  #countsSince = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #end: NodeJS.Timeout | undefined;

  constructor(redis: RedisClient, { prefix, timeoutMs }: { prefix: string; timeoutMs: number }) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
    watchOutages();
    const channels = channelsOf(redis, prefix);
    this.#listen(channels.opsLook(), (message) => this.#answer(message));
    this.#listen(channels.opsProcess(PROCESS_ID), (message) => this.#heardOf(message));
  }

  /** Somebody looks: counts for the next seconds. */
  look(): void {
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.#stop(), LOOK_LASTS_MS);
    this.#end.unref();
    if (this.#counters) return;
    this.#counters = new Counters();
    this.#countsSince = monotonicNow();
  }

  report(): ProcessReport {
    this.look();
    return processReport(this.#redis, {
      counts: this.#counters!.counts(),
      countedMs: Math.round(monotonicNow() - this.#countsSince),
      cpuShare: this.#cpuShare(),
    });
  }

  #answer(message: string): void {
    this.look();
    const isRecent = monotonicNow() - this.#reportedAt < BETWEEN_REPORTS_MS;
    if (isRecent && message !== FIRST_LOOK) return;
    this.#reportedAt = monotonicNow();
    const channel = channelsOf(this.#redis, this.#prefix).opsReport();
    const ask = { timeoutMs: this.#timeoutMs, routeBy: channel, isCheck: true };
    // Whoever looks sees that this process is silent.
    linkTo(this.#redis)
      .send('publish', [channel, JSON.stringify(this.report())], ask)
      .catch(() => undefined);
  }

  /** Somebody acted elsewhere, e.g. on the command line, and tells one of the processes. */
  #heardOf(message: string): void {
    const action = parseAction(message);
    if (!action) return;
    audit(action);
    logInfo(linkTo(this.#redis).logger, action, `ops: ${action.action}`);
  }

  #stop(): void {
    this.#counters?.stop();
    this.#counters = undefined;
  }

  #listen(channel: string, onMessage: (message: string) => void): void {
    const warn = (err: unknown) => {
      // While Redis is away the connection subscribes by itself as soon as it is back.
      if (isUnavailable(err)) return;
      linkTo(this.#redis).logger.warn(
        { err, channel },
        'ops: this process cannot report, because it may not listen',
      );
    };
    subscriberConnectionOf(this.#redis).listen(channel, onMessage).catch(warn);
  }
}

const reporters = new WeakMap<RedisClient, Map<string, Reporter>>();

/** The reporter of this process for a client and a prefix, made when first asked for. */
export function reporterOf(redis: RedisClient, options: { prefix: string; timeoutMs: number }): Reporter {
  const ofClient = reporters.get(redis) ?? new Map<string, Reporter>();
  reporters.set(redis, ofClient);
  const reporter = ofClient.get(options.prefix) ?? new Reporter(redis, options);
  ofClient.set(options.prefix, reporter);
  return reporter;
}
