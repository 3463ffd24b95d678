import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { shortId } from '../keys.js';
import { declaredLimiters, type LimiterDeclaration } from '../limits/index.js';
import { locksHeldBy } from '../locks/index.js';
import type { RedisClient } from '../redis/index.js';
import { subscriberConnectionOf } from '../subscriptions/index.js';
import { monotonicNow } from '../timers.js';
import { type AuditEvent, recentActions } from './audit.js';
import type { Counts } from './counters.js';
import { type Outage, recentOutages } from './outage-log.js';

const MOST_LOCKS = 50;
const MOST_LIMITERS = 100;
const LONGEST_REPORT = 1_000_000;

/** The name of this process among those that share the Redis: host, process id and a random part. */
export const PROCESS_ID = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;

/** What a process reports to whoever looks; plain JSON. */
export interface ProcessReport {
  readonly id: string;
  readonly node: string;
  readonly uptimeSeconds: number;
  /** The share of one CPU that the process used since its last report. */
  readonly cpuShare: number;
  readonly memoryBytes: number;
  /** For how long it has been counting. */
  readonly countedMs: number;
  readonly counts: Counts;
  readonly limiters: readonly LimiterDeclaration[];
  readonly locks: readonly { readonly resource: string; readonly heldMs: number }[];
  readonly outages: readonly Outage[];
  readonly actions: readonly AuditEvent[];
  /** The server at which it listens, as `host:port`. */
  readonly listensAt?: string;
}

/** Measures the CPU of this process between two calls. */
export function cpuMeter(): () => number {
  let [last, lastAt] = [process.cpuUsage(), monotonicNow()];
  return () => {
    const [used, now] = [process.cpuUsage(last), monotonicNow()];
    const share = (used.user + used.system) / 1000 / Math.max(1, now - lastAt);
    [last, lastAt] = [process.cpuUsage(), now];
    return Math.round(share * 1000) / 1000;
  };
}

export const processReport = (
  redis: RedisClient,
  counted: Pick<ProcessReport, 'counts' | 'countedMs' | 'cpuShare'>,
): ProcessReport => ({
  ...counted,
  id: PROCESS_ID,
  node: process.version,
  uptimeSeconds: Math.round(process.uptime()),
  memoryBytes: process.memoryUsage.rss(),
  limiters: declaredLimiters(redis).slice(0, MOST_LIMITERS),
  locks: locksHeldBy(redis)
    .slice(0, MOST_LOCKS)
    .map((lock) => ({ ...lock, resource: shortId(lock.resource) })),
  outages: recentOutages(),
  actions: recentActions(),
  listensAt: subscriberConnectionOf(redis).server(),
});

/** A report as it came over pub/sub; undefined when it is none. */
export function parseReport(json: string): ProcessReport | undefined {
  if (json.length > LONGEST_REPORT) return undefined;
  try {
    const report = JSON.parse(json) as ProcessReport | null;
    return typeof report?.id === 'string' && typeof report.counts === 'object' ? report : undefined;
  } catch {
    return undefined;
  }
}
