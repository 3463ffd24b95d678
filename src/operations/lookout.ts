import { linkTo, type RedisClient } from '../redis/index.js';
import { subscriberConnectionOf } from '../subscriptions/index.js';
import { clearInterval, monotonicNow, setInterval, setTimeout } from '../timers.js';
import { PROCESS_ID, type ProcessReport, parseReport } from './process-report.js';
import { type RedisHealth, redisHealth } from './redis-health.js';
import { channelsOf, FIRST_LOOK, LOOK_LASTS_MS, type Reporter, reporterOf } from './reporter.js';

const LOOK_EVERY_MS = 500;
const SILENT_AFTER_MS = 1_500;
// How long the first answer waits for processes that have heard the question. A frozen one has heard it too.
const FIRST_REPORTS_MS = 400;
const MOST_PROCESSES = 500;
// Where nobody can tell whether a process still has a connection.
const FORGOTTEN_AFTER_MS = 60_000;
const GLOB = /[*?[\]\\]/g;

/** A process as it is seen from here. */
export interface SeenProcess {
  readonly id: string;
  /** Connected to Redis, but it does not answer. */
  readonly isSilent: boolean;
  readonly isOwn: boolean;
  readonly reportAgeMs: number;
  /** Absent for a process that never answered. */
  readonly report?: ProcessReport;
}

export interface Sight {
  readonly redis: RedisHealth;
  readonly processes: readonly SeenProcess[];
}

export interface LookoutOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Whether this process is one of those that are looked at. */
  readonly reports: boolean;
}

/** Looks at all processes for as long as somebody asks: asks them for reports twice a second, and keeps the last ones. */
export class Lookout {
  readonly #redis: RedisClient;
  readonly #timeoutMs: number;
  readonly #reporter: Reporter | undefined;
  readonly #channels;
  readonly #reports = new Map<string, { report?: ProcessReport; at: number }>();
  #health: Promise<RedisHealth>;
  #wantedUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #onReported: (() => void) | undefined;

  constructor(redis: RedisClient, options: LookoutOptions) {
    this.#redis = redis;
    this.#timeoutMs = options.timeoutMs;
    this.#reporter = options.reports ? reporterOf(redis, options) : undefined;
    this.#channels = channelsOf(redis, options.prefix);
    this.#health = Promise.resolve({ isAvailable: false, cause: 'Redis was not asked yet' });
  }

  /** What is known of all processes, at most a second old. */
  async sight(): Promise<Sight> {
    this.#wantedUntil = monotonicNow() + LOOK_LASTS_MS;
    if (!this.#timer) await this.#begin();
    const redis = await this.#health;
    if (this.#reporter) this.#receive(this.#reporter.report());
    const now = monotonicNow();
    const processes = [...this.#reports].map(([id, { report, at }]) => ({
      id,
      isOwn: id === PROCESS_ID,
      isSilent: now - at > SILENT_AFTER_MS,
      reportAgeMs: Math.round(now - at),
      ...(report && { report }),
    }));
    return { redis, processes: processes.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
  }

  async #begin(): Promise<void> {
    this.#timer = setInterval(() => this.#tick(), LOOK_EVERY_MS);
    this.#timer.unref();
    const connection = subscriberConnectionOf(this.#redis);
    await connection
      .listen(this.#channels.opsReport(), this.#onReport, { timeoutMs: this.#timeoutMs })
      .catch(() => undefined);
    this.#look();
    // The reports of those whom the question reached. In a Cluster only some of the processes are counted.
    const reached = this.#askForReports(FIRST_LOOK).catch(() => 0);
    await Promise.race([
      reached.then((processes) => this.#reported(Number(processes))),
      new Promise((resolve) => setTimeout(resolve, FIRST_REPORTS_MS)),
    ]);
    this.#onReported = undefined;
  }

  #tick(): void {
    if (monotonicNow() > this.#wantedUntil) {
      this.#end();
      return;
    }
    this.#look();
    this.#askForReports('').catch(() => undefined);
  }

  #look(): void {
    this.#health = redisHealth(this.#redis, this.#timeoutMs);
    if (this.#looks++ % 2 === 0) this.#findProcesses().catch(() => undefined);
  }

  #askForReports(message: string): Promise<number> {
    const channel = this.#channels.opsLook();
    const ask = { timeoutMs: this.#timeoutMs, isCheck: true, routeBy: channel };
    return linkTo(this.#redis).send<number>('publish', [channel, message], ask);
  }

  /** Resolves when so many processes have reported. */
  #reported(processes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onReported = () => {
        const reports = [...this.#reports.values()].filter(({ report }) => report !== undefined);
        if (reports.length >= processes) resolve();
      };
      this.#onReported();
    });
  }

  #end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#reports.clear();
    // The same function given twice listens once, so this stops the listening that `#begin` started.
    subscriberConnectionOf(this.#redis)
      .listen(this.#channels.opsReport(), this.#onReport)
      .then(
        (stop) => this.#timer || stop(),
        () => undefined,
      );
  }

  /** Each process listens to a channel of its own: whoever has gone has no channel, whoever is frozen still has. */
  async #findProcesses(): Promise<void> {
    const now = monotonicNow();
    const channel = this.#channels.opsProcess('');
    const found = this.#redis.isCluster
      ? undefined
      : await linkTo(this.#redis).send<string[]>(
          'pubsub',
          ['CHANNELS', `${channel.replace(GLOB, '\\$&')}*`],
          {
            timeoutMs: this.#timeoutMs,
            isCheck: true,
          },
        );
    const connected = found && new Set(found.map((name) => name.slice(channel.length)));
    for (const [id, { at }] of this.#reports) {
      const isGone = connected ? !connected.has(id) && at < now : now - at > FORGOTTEN_AFTER_MS;
      if (isGone && id !== PROCESS_ID) this.#reports.delete(id);
    }
    for (const id of connected ?? []) {
      const isNew = !this.#reports.has(id) && this.#reports.size < MOST_PROCESSES;
      // It has as long to answer as the others.
      if (isNew) this.#reports.set(id, { at: now });
    }
  }

  readonly #onReport = (json: string): void => {
    const report = parseReport(json);
    if (report) this.#receive(report);
  };

  #receive(report: ProcessReport): void {
    const { id } = report;
    if (this.#reports.has(id) || this.#reports.size < MOST_PROCESSES)
      this.#reports.set(id, { report, at: monotonicNow() });
    this.#onReported?.();
  }
}
