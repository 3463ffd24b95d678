import { medianOf, type Row, ratio, rowOf } from './results.js';
import type { Scenario } from './scenarios.js';

const COLUMNS = [
  'variant',
  'req/s',
  '×peers',
  '×bare',
  'p50 ms',
  'p99 ms',
  'Node µs',
  'Redis µs',
  'commands',
  'trips',
  'RSS MB',
  'origin',
] as const;

/** The medians of all rounds, a block for each scenario and cell. */
export function tableOf(rows: readonly Row[], scenarios: readonly Scenario[]): string {
  const lines: string[] = [];
  for (const { name, title, cells } of scenarios) {
    for (const cell of cells) {
      const block = rows.filter((row) => row.scenario === name && row.cell === cell);
      if (block.length === 0) continue;
      lines.push('', `${title} – Redis ${cell.redis}, ${cell.connections} at once`);
      lines.push(...aligned([[...COLUMNS], ...block.map((row) => cellsOf(row, rows))]));
    }
  }
  return lines.join('\n');
}

function cellsOf(row: Row, rows: readonly Row[]): string[] {
  const against = (variant: 'peers' | 'send') => {
    const value = ratio(row, rowOf(rows, row.scenario, row.cell, variant), 'requestsPerSecond');
    return value === undefined ? '–' : value.toFixed(2);
  };
  const fixed = (column: Parameters<typeof medianOf>[1], digits: number) =>
    medianOf(row, column).toFixed(digits);
  return [
    row.variant,
    fixed('requestsPerSecond', 0),
    against('peers'),
    against('send'),
    fixed('p50Ms', 2),
    fixed('p99Ms', 2),
    fixed('nodeCpuUs', 0),
    fixed('redisCpuUs', 1),
    fixed('redisCommands', 1),
    row.roundTrips?.toFixed(2) ?? '–',
    fixed('rssMb', 0),
    fixed('originCalls', 3),
  ];
}

function aligned(table: readonly string[][]): string[] {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  return table.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  '),
  );
}
