import {
  type BlockedClient,
  type BlockedClients,
  type LimiterDeclaration,
  limiterId,
} from '../limits/index.js';
import type { AuditEvent } from './audit.js';
import type { Counts, RefusedClient } from './counters.js';
import type { Numbers } from './named-counts.js';
import type { ProcessReport } from './process-report.js';
import type { RedisHealth } from './redis-health.js';
import type { Sight } from './sight.js';

const MOST_CLIENTS = 50;
const MOST_ACTIONS = 20;

/** What happened in all processes together since somebody began to look; plain JSON. */
export interface Overview {
  readonly at: string;
  readonly redis: RedisHealth;
  readonly processes: readonly OverviewProcess[];
  readonly limits: readonly {
    readonly limiter: string;
    readonly admitted: number;
    readonly refused: number;
  }[];
  readonly limiters: readonly (LimiterDeclaration & { readonly id: string })[];
  readonly clients: readonly RefusedClient[];
  /** The clients that are blocked, by the id of their limiter; null while Redis does not say. */
  readonly blocked: BlockedClients | null;
  readonly routes: readonly { readonly route: string; readonly hits: number; readonly misses: number }[];
  readonly fallbacks: readonly { readonly middleware: string; readonly requests: number }[];
  readonly totals: Counts['totals'];
  readonly locks: readonly { readonly resource: string; readonly heldMs: number; readonly process: string }[];
  readonly actions: readonly AuditEvent[];
}

export interface OverviewProcess {
  readonly id: string;
  readonly isOwn: boolean;
  readonly isSilent: boolean;
  readonly reportAgeMs: number;
  readonly node?: string;
  readonly uptimeSeconds?: number;
  readonly cpuShare?: number;
  readonly memoryBytes?: number;
  readonly countedMs?: number;
  readonly outages?: ProcessReport['outages'];
}

/** Adds up the reports of all processes. */
export function overviewOf({ redis, processes, blocked }: Sight, prefix: string): Overview {
  const reports = processes.flatMap(({ report }) => (report ? [report] : []));
  const sum = (pick: (counts: Counts) => readonly [string, Numbers][]) => summed(reports, pick);
  const limiters = new Map(
    reports.flatMap((report) => report.limiters.map((each) => [limiterId(each), each] as const)),
  );
  return {
    at: new Date().toISOString(),
    redis,
    processes: processes.map(withoutCounts),
    limits: sum(({ limits }) => limits).map(([limiter, { admitted = 0, refused = 0 }]) => ({
      limiter,
      admitted,
      refused,
    })),
    limiters: [...limiters].map(([id, limiter]) => ({ id, ...limiter })),
    clients: refusedMost(reports),
    blocked: blocked ? { ...blocked, clients: blocked.clients.map(withPrefix(prefix)) } : null,
    routes: sum(({ routes }) => routes).map(([route, { hit = 0, miss = 0 }]) => ({
      route,
      hits: hit,
      misses: miss,
    })),
    fallbacks: sum(({ fallbacks }) => fallbacks).map(([middleware, { requests = 0 }]) => ({
      middleware,
      requests,
    })),
    totals: Object.fromEntries(summedTotals(reports)),
    locks: reports.flatMap(({ id, locks }) => locks.map((lock) => ({ ...lock, process: id }))),
    actions: reports
      .flatMap(({ actions }) => actions)
      .toSorted((a, b) => (a.at < b.at ? 1 : -1))
      .slice(0, MOST_ACTIONS),
  };
}

/** Whether a report that came over pub/sub can be added to those of other processes. */
export function addsUp(report: ProcessReport): boolean {
  const seen = { id: report.id, isOwn: false, isSilent: false, reportAgeMs: 0, report };
  try {
    overviewOf({ redis: { isAvailable: false, cause: '' }, blocked: undefined, processes: [seen] }, '');
    return true;
  } catch {
    return false;
  }
}

const withPrefix = (prefix: string) => (block: BlockedClient) => ({
  ...block,
  limiter: limiterId({ prefix, name: block.limiter }),
});

function withoutCounts({ report, ...seen }: Sight['processes'][number]): OverviewProcess {
  if (!report) return seen;
  const { node, uptimeSeconds, cpuShare, memoryBytes, countedMs, outages } = report;
  return { ...seen, node, uptimeSeconds, cpuShare, memoryBytes, countedMs, outages };
}

function summed(
  reports: readonly ProcessReport[],
  pick: (counts: Counts) => readonly [string, Numbers][],
): [string, Numbers][] {
  const rows = new Map<string, Record<string, number>>();
  for (const [name, numbers] of reports.flatMap(({ counts }) => pick(counts))) {
    const row = rows.get(name) ?? {};
    rows.set(name, row);
    for (const [column, number] of Object.entries(numbers)) row[column] = (row[column] ?? 0) + (number ?? 0);
  }
  return [...rows];
}

function summedTotals(reports: readonly ProcessReport[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const [name, number] of reports.flatMap(({ counts }) => Object.entries(counts.totals)))
    totals.set(name, (totals.get(name) ?? 0) + number);
  return totals;
}

function refusedMost(reports: readonly ProcessReport[]): RefusedClient[] {
  const clients = new Map<string, RefusedClient>();
  for (const each of reports.flatMap(({ counts }) => counts.clients)) {
    const id = `${each.limiter}\n${each.client}`;
    const known = clients.get(id);
    clients.set(id, {
      ...each,
      refused: each.refused + (known?.refused ?? 0),
      blockedMs: Math.max(each.blockedMs, known?.blockedMs ?? 0),
    });
  }
  return [...clients.values()].toSorted((a, b) => b.refused - a.refused).slice(0, MOST_CLIENTS);
}
