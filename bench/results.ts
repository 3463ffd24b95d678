import type { ChosenNode } from '../scripts/chosen-node.js';
import type { Sample } from './measure.js';
import type { Cell, Scenario } from './scenarios.js';
import type { Variant } from './variants.js';

/** What one variant did in one cell of a scenario: a sample per round. */
export interface Row {
  readonly scenario: string;
  readonly cell: Cell;
  readonly variant: Variant;
  readonly samples: readonly Sample[];
  readonly roundTrips: number | undefined;
}

/** The main scenarios on another Node. */
export interface OnNode {
  readonly node: ChosenNode;
  readonly rows: readonly Row[];
}

export function rowOf(
  rows: readonly Row[],
  scenario: Scenario['name'],
  cell: Cell,
  variant: Variant,
): Row | undefined {
  return rows.find(
    (row) =>
      row.scenario === scenario &&
      row.variant === variant &&
      row.cell.redis === cell.redis &&
      row.cell.connections === cell.connections,
  );
}

export const medianOf = ({ samples }: Row, column: keyof Sample): number =>
  median(samples.map((sample) => sample[column]));

/** The median of the rounds' own ratios: what disturbed a round disturbed both. */
export function ratio(row: Row, to: Row | undefined, column: keyof Sample): number | undefined {
  if (!to) return undefined;
  return median(row.samples.map((sample, round) => sample[column] / to.samples[round]![column]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
