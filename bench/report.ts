import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Reached, reachedIn } from './bars.js';
import { chartOf } from './chart.js';
import type { Arguments } from './command-line.js';
import type { Built } from './construction.js';
import { tableOf } from './print-table.js';
import { medianOf, type OnNode, type Row, rowOf } from './results.js';
import { mainPartOf } from './run-scenario.js';
import { cellFor, SCENARIOS, type Scenario } from './scenarios.js';
import { usesRedis, VARIANTS, type Variant } from './variants.js';

const PACKAGES = ['express', 'ioredis', 'redis', 'express-rate-limit', 'rate-limit-redis', 'express-session'];
const COLUMNS = [
  'requestsPerSecond',
  'p50Ms',
  'p99Ms',
  'nodeCpuUs',
  'redisCpuUs',
  'redisCommands',
  'rssMb',
  'originCalls',
] as const;

/** Everything that a run has measured. */
export interface Measured {
  readonly rows: readonly Row[];
  readonly built: readonly Built[];
  readonly beside: readonly OnNode[];
}

function conditions({ effort, node }: Arguments, redisVersion: string) {
  const versions = [...PACKAGES, 'connect-redis', 'autocannon'].map((name) => [name, versionOf(name)]);
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    node: node.version,
    redis: redisVersion,
    versions: Object.fromEntries(versions),
    ...effort,
  };
}

const versionOf = (name: string): string =>
  require(join(__dirname, '../node_modules', name, 'package.json')).version;

/** The run as text: the table, the bars, what one Redis can serve, and what is to be doubted. */
export function textOf({ rows, built, beside }: Measured, args: Arguments): string {
  const bars = reachedIn(rows, built);
  const fleet = fleetOf(rows);
  const others = beside.flatMap((other) => [
    '',
    `On Node ${other.node.version}:`,
    '',
    tableOf(other.rows, mainPartOf(args).scenarios),
    '',
    ...reachedIn(other.rows, []).map(barLine),
  ]);
  const doubts = doubtsAbout(rows, args.scenarios);
  return [
    tableOf(rows, args.scenarios),
    ...(bars.length > 0
      ? ['', 'To reach, as the median of the ratios of the rounds:', ...bars.map(barLine)]
      : []),
    ...(fleet.length > 0
      ? ['', 'Requests per second that one core of Redis can serve, by its CPU per request:', ...fleet]
      : []),
    ...others,
    ...(doubts.length > 0 ? ['', 'In doubt:', ...doubts] : []),
  ].join('\n');
}

const barLine = ({ what, bar, reached, met }: Reached) =>
  `${met ? 'met   ' : 'MISSED'} ${reached} (${bar})  ${what}`;

const FLEET_VARIANTS: readonly Variant[] = ['peers', 'stack'];

function fleetOf(rows: readonly Row[]): string[] {
  return SCENARIOS.filter(({ strangers }) => strangers).flatMap(({ name, title }) =>
    FLEET_VARIANTS.flatMap((variant) => {
      const row = rowOf(rows, name, cellFor('near', 64), variant);
      if (!row) return [];
      const served = Math.round(1_000_000 / medianOf(row, 'redisCpuUs'));
      return [`${served.toLocaleString('en').padStart(9)}  ${title}: ${VARIANTS[variant]}`];
    }),
  );
}

/** Writes results.json, results.md and results.svg. */
export function writeResults(measured: Measured, args: Arguments, redisVersion: string): void {
  const { rows, built, beside } = measured;
  const under = conditions(args, redisVersion);
  const write = (file: string, text: string) => writeFileSync(join(__dirname, file), `${text}\n`);
  const results = rows.map(resultOf);
  const others = beside.map((other) => ({ node: other.node.version, results: other.rows.map(resultOf) }));
  write('results.json', JSON.stringify({ ...under, bars: reachedIn(rows, built), results, others }, null, 1));
  const { date, cpu, node, rounds, durationMs } = under;
  const made = `${date}, ${cpu}, Node ${node}, Redis ${redisVersion}, ${rounds} rounds of ${durationMs / 1000} s`;
  write('results.md', `# Results\n\n${made}.\n\n\`\`\`text\n${textOf(measured, args).trim()}\n\`\`\``);
  write('results.svg', chartOf(rows, made));
}

const resultOf = (row: Row) => ({
  scenario: row.scenario,
  ...row.cell,
  variant: row.variant,
  roundTrips: row.roundTrips,
  medians: Object.fromEntries(COLUMNS.map((column) => [column, medianOf(row, column)])),
  samples: row.samples,
});

const TOLERATED_ORIGIN_CALLS = 0.01;

/** What makes a figure worth less than it looks: answers that were not what the scenario is about. */
function doubtsAbout(rows: readonly Row[], scenarios: readonly Scenario[]): string[] {
  return rows.flatMap(({ scenario, variant, cell, samples }) => {
    const where = `${scenario}, ${variant}, Redis ${cell.redis}, ${cell.connections} at once`;
    const unexpected = samples.reduce((sum, sample) => sum + sample.unexpected, 0);
    const origin = Math.max(...samples.map(({ originCalls }) => originCalls));
    const allHits = scenarios.find(({ name }) => name === scenario)?.allHits && usesRedis(variant);
    return [
      ...(unexpected > 0 ? [`${where}: ${unexpected} answers with another status, or none`] : []),
      ...(allHits && origin > TOLERATED_ORIGIN_CALLS
        ? [`${where}: in one round ${(origin * 100).toFixed(1)} % of the requests were no hits`]
        : []),
    ];
  });
}
