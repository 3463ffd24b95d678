import type { Sample } from './measure.js';
import { type Row, ratio, rowOf } from './results.js';
import { cellFor } from './scenarios.js';
import type { Variant } from './variants.js';

const CELL = cellFor('near', 64);
const RATIOS: readonly (readonly [what: string, to: Variant, column: keyof Sample])[] = [
  ['requests/s against the peers', 'peers', 'requestsPerSecond'],
  ['Node CPU per request against the peers', 'peers', 'nodeCpuUs'],
  ['Redis CPU per request against the peers', 'peers', 'redisCpuUs'],
  ['requests/s against bare Express res.send', 'send', 'requestsPerSecond'],
];

/** What the bars ask of people with something in common, told of strangers; no bar asks for it. */
export function ratiosAmongStrangers(rows: readonly Row[]): string[] {
  const row = rowOf(rows, 'strangers', CELL, 'stack');
  return RATIOS.flatMap(([what, to, column]) => {
    const value = row && ratio(row, rowOf(rows, 'strangers', CELL, to), column);
    return value === undefined ? [] : [`${value.toFixed(3)}  ${what}`];
  });
}
