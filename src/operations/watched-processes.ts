import { keys } from '../keys.js';
import { type BlockedClients, BlockList } from '../limits/index.js';
import { linkTo, type RedisClient, routeToEachServer } from '../redis/index.js';
import { subscriberConnectionOf } from '../subscriptions/index.js';
import { clearInterval, monotonicNow, setInterval, setTimeout } from '../timers.js';
import type { EndedAction } from './audit.js';
import { connectedProcesses } from './connected-processes.js';
import { addsUp } from './overview.js';
import { PROCESS_ID, type ProcessReport, parseReport } from './process-report.js';
import { type RedisHealth, redisHealth } from './redis-health.js';
import { channelsOf, FIRST_LOOK, LOOK_LASTS_MS, type Reporter, reporterOf } from './reporter.js';
import type { Sight } from './sight.js';

const LOOK_EVERY_MS = 500;
const SILENT_AFTER_MS = 1_500;
// How long the first answer waits for processes that have heard the question. A frozen one has heard it too.
const FIRST_REPORTS_MS = 400;
const MOST_PROCESSES = 500;
const BLOCKS_SHOWN = 100;
// In a Cluster the primaries are not asked at the same moment.
const GONE_AFTER_MS = 700;
// Where nobody can tell whether a process still has a connection: a replica, which was a primary before, is not asked.
const FORGOTTEN_AFTER_MS = 60_000;

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export interface LookoutOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Whether this process is one of those that are looked at. */
  readonly reports: boolean;
}

/** Looks at all processes for as long as somebody asks: asks them for reports twice a second, and keeps the last ones. */
export class WatchedProcesses {
  readonly #redis: RedisClient;
  readonly #timeoutMs: number;
  readonly #reporter: Reporter | undefined;
  readonly #channels;
  readonly #reports = new Map<string, { report?: ProcessReport; at: number }>();
  readonly #blockList: BlockList;
  #health: Promise<RedisHealth>;
  #blocked: Promise<BlockedClients | undefined> = Promise.resolve(undefined);
  #wantedUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #onReported: (() => void) | undefined;

  constructor(redis: RedisClient, options: LookoutOptions) {
    this.#redis = redis;
    this.#timeoutMs = options.timeoutMs;
    this.#reporter = options.reports ? reporterOf(redis, options) : undefined;
    this.#channels = channelsOf(redis, options.prefix);
    this.#blockList = new BlockList(linkTo(redis), keys(options.prefix), options.timeoutMs);
    this.#health = Promise.resolve({ isAvailable: false, cause: 'Redis was not asked yet' });
  }

  /** What is known of all processes, at most a second old. */
  async sight(): Promise<Sight> {
    this.#wantedUntil = monotonicNow() + LOOK_LASTS_MS;
    if (!this.#timer) await this.#begin();
    const [redis, blocked] = await Promise.all([this.#health, this.#blocked]);
    if (this.#reporter) this.#receive(this.#reporter.report());
    const now = monotonicNow();
    const processes = [...this.#reports].map(([id, { report, at }]) => ({
      id,
      isOwn: id === PROCESS_ID,
      isSilent: now - at > SILENT_AFTER_MS,
      reportAgeMs: Math.round(now - at),
      ...(report && { report }),
    }));
    return { redis, blocked, processes: processes.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
  }

  /** Has one live process publish and log an action that was taken here. Resolves to whether one has heard of it. */
  async tell(action: EndedAction): Promise<boolean> {
    const { processes } = await this.sight();
    const message = JSON.stringify(action);
    for (const { id } of processes.filter(({ report, isSilent }) => report && !isSilent)) {
      const heard = await this.#publish(this.#channels.opsProcess(id), message).catch(() => 0);
      // A node of a Cluster does not know who listens at the others.
      if (Number(heard) > 0 || this.#redis.isCluster) return true;
    }
    return false;
  }

  async #begin(): Promise<void> {
    this.#timer = setInterval(() => this.#tick(), LOOK_EVERY_MS);
    this.#timer.unref();
    const connection = subscriberConnectionOf(this.#redis);
    await connection
      .listen(this.#channels.opsReport(), this.#onReport, { timeoutMs: this.#timeoutMs })
      .catch(() => undefined);
    this.#look();
    // The reports of those whom the question reached. In a Cluster a node counts only those that listen there.
    const asked = this.#publish(this.#channels.opsLook(), FIRST_LOOK);
    const counted = this.#redis.isCluster
      ? asked.then(() => this.#connected()).then(({ size }) => size)
      : asked;
    const reached = counted.catch(() => 0);
    await Promise.race([
      reached.then((processes) => this.#reported(Number(processes))),
      delay(FIRST_REPORTS_MS),
    ]);
    // The page shows at least its own process. The command line has nothing to show before somebody reports.
    const isBlind = !this.#reporter && Number(await reached) > 0;
    if (isBlind) await Promise.race([this.#reported(1), delay(this.#timeoutMs)]);
    this.#onReported = undefined;
  }

  #tick(): void {
    if (monotonicNow() > this.#wantedUntil) {
      this.#end();
      return;
    }
    this.#look();
    this.#publish(this.#channels.opsLook(), '').catch(() => undefined);
  }

  #look(): void {
    this.#health = redisHealth(this.#redis, this.#timeoutMs);
    this.#blocked = this.#blockList.read(BLOCKS_SHOWN).catch(() => undefined);
    if (this.#looks++ % 2 === 0) void this.#findProcesses();
  }

  #publish(channel: string, message: string): Promise<number> {
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

  #connected(): Promise<Set<string>> {
    return connectedProcesses(this.#redis, this.#channels.opsProcess(''), this.#timeoutMs);
  }

  async #findProcesses(): Promise<void> {
    const now = monotonicNow();
    // Undefined when Redis does not answer, or does not allow the question.
    const connected = await this.#connected().catch(() => undefined);
    if (!connected && linkTo(this.#redis).outage) return;
    for (const [id, { at, report }] of this.#reports) {
      const goneAfterMs = connected && this.#isAsked(report) ? this.#leastSilenceMs : FORGOTTEN_AFTER_MS;
      const isGone = !connected?.has(id) && now - at > goneAfterMs;
      if (isGone && id !== PROCESS_ID) this.#reports.delete(id);
    }
    for (const id of connected ?? []) {
      const isNew = !this.#reports.has(id) && this.#reports.size < MOST_PROCESSES;
      // It has as long to answer as the others.
      if (isNew) this.#reports.set(id, { at: now });
    }
  }

  /** Whether the server at which a process listens is one of those that are asked who is connected. */
  #isAsked(report: ProcessReport | undefined): boolean {
    const { listensAt } = report ?? {};
    return !this.#redis.isCluster || listensAt === undefined || routeToEachServer(this.#redis).has(listensAt);
  }

  get #leastSilenceMs(): number {
    return this.#redis.isCluster ? GONE_AFTER_MS : 0;
  }

  readonly #onReport = (json: string): void => {
    const report = parseReport(json);
    // Another version may report otherwise: then it is seen as a process that does not answer.
    if (report && addsUp(report)) this.#receive(report);
  };

  #receive(report: ProcessReport): void {
    const { id } = report;
    if (this.#reports.has(id) || this.#reports.size < MOST_PROCESSES)
      this.#reports.set(id, { report, at: monotonicNow() });
    this.#onReported?.();
  }
}
