import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Reached, reachedIn } from './bars.js';
import { chartOf } from './chart.js';
import type { Arguments } from './command-line.js';
import { doubtsAbout } from './doubts.js';
import { tableOf } from './print-table.js';
import { medianOf, type Row } from './results.js';
import { ratiosAmongStrangers } from './strangers.js';

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

function conditions({ quick, effort }: Arguments, redisVersion: string) {
  const versions = [...PACKAGES, 'connect-redis', 'autocannon'].map((name) => [name, versionOf(name)]);
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    node: process.version,
    redis: redisVersion,
    versions: Object.fromEntries(versions),
    quick,
    ...effort,
  };
}

const versionOf = (name: string): string =>
  require(join(__dirname, '../node_modules', name, 'package.json')).version;

/** The run as text: the table, the bars, the ratios without sharing, and what is to be doubted. */
export function textOf(rows: readonly Row[], args: Arguments): string {
  const bars = reachedIn(rows);
  const strangers = ratiosAmongStrangers(rows);
  const doubts = doubtsAbout(rows, args.scenarios);
  return [
    tableOf(rows, args.scenarios),
    ...(bars.length > 0
      ? ['', 'To reach, as the median of the ratios of the rounds:', ...bars.map(barLine)]
      : []),
    ...(strangers.length > 0
      ? [
          '',
          'For information, the stack when every request is of a stranger, so that none is shared:',
          ...strangers,
        ]
      : []),
    ...(doubts.length > 0 ? ['', 'In doubt:', ...doubts] : []),
  ].join('\n');
}

const barLine = ({ what, bar, reached, met }: Reached) =>
  `${met ? 'met   ' : 'MISSED'} ${reached} (${bar})  ${what}`;

/** Writes results.json, results.md and results.svg. */
export function writeResults(rows: readonly Row[], args: Arguments, redisVersion: string): void {
  const under = conditions(args, redisVersion);
  const write = (file: string, text: string) => writeFileSync(join(__dirname, file), `${text}\n`);
  const results = rows.map((row) => ({
    scenario: row.scenario,
    ...row.cell,
    variant: row.variant,
    roundTrips: row.roundTrips,
    medians: Object.fromEntries(COLUMNS.map((column) => [column, medianOf(row, column)])),
    samples: row.samples,
  }));
  write('results.json', JSON.stringify({ ...under, bars: reachedIn(rows), results }, null, 1));
  const { date, cpu, node, rounds, durationMs } = under;
  const made = `${date}, ${cpu}, Node ${node}, Redis ${redisVersion}, ${rounds} rounds of ${durationMs / 1000} s`;
  write('results.md', `# Results\n\n${made}.\n\n\`\`\`text\n${textOf(rows, args).trim()}\n\`\`\``);
  write('results.svg', chartOf(rows, made));
}
