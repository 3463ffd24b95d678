import type { Load } from './load-process.js';
import type { FarRedis, LoadGenerator, MeasuredServer } from './measured-server.js';
import { between, type RedisProbe } from './redis-probe.js';
import type { Cell, Scenario } from './scenarios.js';

/** One measurement of one variant. CPU and commands are per request. */
export interface Sample {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly nodeCpuUs: number;
  readonly redisCpuUs: number;
  readonly redisCommands: number;
  readonly rssMb: number;
  readonly originCalls: number;
  /** Answers with a status that the scenario does not expect, in all. */
  readonly unexpected: number;
}

export interface Bench {
  readonly load: LoadGenerator;
  readonly probe: RedisProbe;
  readonly far: FarRedis;
}

export type Extent = { readonly durationMs: number } | { readonly amount: number };

const loadOn = (
  { port, cookies }: MeasuredServer,
  { method = 'GET', paths, status = 200, people, strangers, numbered }: Scenario,
  connections: number,
): Load => ({ port, connections, method, paths, status, strangers, numbered, ...(people && { cookies }) });

export async function warmUp(
  { load }: Bench,
  server: MeasuredServer,
  scenario: Scenario,
  { connections }: Cell,
  durationMs: number,
): Promise<void> {
  const requests = loadOn(server, scenario, connections);
  // On a busy machine the time alone was too short for 256 paths: 5 % of a round's requests were no hits.
  if (scenario.allHits) {
    await load.run({ ...requests, amount: Math.max(connections, scenario.paths.length) });
  }
  await load.run({ ...requests, durationMs });
}

export async function fillEntries(
  { load }: Bench,
  { port }: MeasuredServer,
  { path, count }: { path: string; count: number },
): Promise<void> {
  const requests = { method: 'GET', paths: [path], numbered: 'by run', status: 200 } as const;
  await load.run({ port, connections: 64, amount: count, ...requests });
}

export async function measure(
  { load, probe }: Bench,
  server: MeasuredServer,
  scenario: Scenario,
  { connections }: Cell,
  extent: Extent,
): Promise<Sample> {
  const [server0, redis0] = [await server.usage(), await probe.usage()];
  const result = await load.run({ ...loadOn(server, scenario, connections), ...extent });
  const [redis1, server1] = [await probe.usage(), await server.usage()];
  const redis = between(redis0, redis1);
  // More than were answered: those that were under way at the end have cost something, too.
  const perRequest = (amount: number) => amount / (server1.requests - server0.requests);
  return {
    requestsPerSecond: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    nodeCpuUs: perRequest(server1.cpuUs - server0.cpuUs),
    redisCpuUs: perRequest(redis.cpuUs),
    redisCommands: perRequest(redis.commands),
    rssMb: server1.rssBytes / 1_048_576,
    originCalls: perRequest(server1.originCalls - server0.originCalls),
    unexpected: result.unexpected,
  };
}

/** Round trips of a request, counted on the socket with one request at a time. */
export async function countRoundTrips(
  { load, far }: Bench,
  server: MeasuredServer,
  scenario: Scenario,
  amount: number,
): Promise<number> {
  const requests = { ...loadOn(server, scenario, 1), amount };
  // Once more than is counted: what 64 at once left unfilled is filled now.
  await load.run(requests);
  await far.writes();
  await load.run(requests);
  return (await far.writes()) / amount;
}
