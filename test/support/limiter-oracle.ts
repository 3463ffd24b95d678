import { forkTypeScript } from './processes.js';

export interface LimiterLoad {
  url: string;
  algorithm: string;
  limit: number;
  windowMs: number;
  clients: number;
  requests: number;
  seed: number;
  prefix: string;
  /** Whether clients may be charged by tally. */
  tallies: boolean;
}

/** One decision, by Redis' clock. */
export interface Decision {
  client: string;
  at: number;
  /** `at` itself, or how much earlier the decision may have been: a charge by tally is told the latest moment. */
  earliest: number;
  cost: number;
  admitted: boolean;
}

/** Runs the load in several processes at once and gathers what was decided. */
export async function decisionsOf(load: LimiterLoad, processes: number): Promise<Decision[]> {
  const children = await Promise.all(
    Array.from({ length: processes }, () => forkTypeScript(require.resolve('./limiter-process.ts'))),
  );
  const share = Math.ceil(load.requests / processes);
  const logs = await Promise.all(
    children.map((child, i) =>
      child.call<Decision[]>('run', { ...load, requests: share, seed: load.seed + i }),
    ),
  );
  await Promise.all(children.map((child) => child.kill()));
  return logs.flat();
}

/** Holds decisions against an exact log: windows that admitted too much, and refusals that were not due. */
export function judge(
  decisions: readonly Decision[],
  limit: number,
  windowMs: number,
  granularityMs: number,
) {
  const byClient = groupByClient(decisions);
  let overfull = 0;
  let mostInAWindow = 0;
  let undueRefusals = 0;
  for (const log of byClient.values()) {
    const admitted = log.filter((decision) => decision.admitted).sort((a, b) => a.at - b.at);
    const within = (from: number, to: number) =>
      admitted.reduce((sum, { at, cost }) => (at > from && at <= to ? sum + cost : sum), 0);
    for (const { at } of admitted) {
      const used = within(at - windowMs, at);
      mostInAWindow = Math.max(mostInAWindow, used);
      if (used > limit) overfull++;
    }
    const maybeWithin = (from: number, to: number) =>
      admitted.reduce((sum, { at, earliest, cost }) => (at > from && earliest <= to ? sum + cost : sum), 0);
    for (const { at, cost } of log.filter((decision) => !decision.admitted)) {
      if (maybeWithin(at - windowMs - granularityMs, at) + cost <= limit) undueRefusals++;
    }
  }
  return { overfull, mostInAWindow, undueRefusals };
}

function groupByClient(decisions: readonly Decision[]): Map<string, Decision[]> {
  const groups = new Map<string, Decision[]>();
  for (const decision of decisions)
    groups.set(decision.client, [...(groups.get(decision.client) ?? []), decision]);
  return groups;
}
