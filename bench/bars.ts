import type { Sample } from './measure.js';
import { type Row, ratio, rowOf } from './results.js';
import { type Cell, cellFor } from './scenarios.js';
import type { Variant } from './variants.js';

interface Bar {
  readonly what: string;
  readonly scenario: string;
  readonly cell: Cell;
  readonly of: Variant;
  readonly to: Variant;
  readonly column: keyof Sample;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Reached {
  readonly what: string;
  /** As `≥ 2.2`. */
  readonly bar: string;
  /** Rounded to the worse side. */
  readonly reached: string;
  readonly met: boolean;
}

const loaded = cellFor('near', 64);
const stackHit = { scenario: 'session-hit', cell: loaded, of: 'stack' } as const;

const BARS: readonly Bar[] = [
  {
    ...stackHit,
    what: 'stack, cached GET with session: requests/s against the peers',
    to: 'peers',
    column: 'requestsPerSecond',
    atLeast: 2.2,
  },
  {
    ...stackHit,
    what: 'the same: Node CPU per request against the peers',
    to: 'peers',
    column: 'nodeCpuUs',
    atMost: 0.45,
  },
  {
    ...stackHit,
    what: 'the same: requests/s against bare Express res.send',
    to: 'send',
    column: 'requestsPerSecond',
    atLeast: 0.95,
  },
  {
    ...stackHit,
    what: 'the same, Redis 1 ms away each way, one client: p50 against the peers',
    cell: cellFor('far', 1),
    to: 'peers',
    column: 'p50Ms',
    atMost: 0.3,
  },
  {
    what: 'near cache validated, 100 KB: requests/s against cache-aside',
    scenario: 'large',
    cell: loaded,
    of: 'validated',
    to: 'peers',
    column: 'requestsPerSecond',
    atLeast: 3,
  },
  {
    what: 'near cache tracked, cache alone: requests/s against bare Express res.send',
    scenario: 'hit',
    cell: loaded,
    of: 'tracked',
    to: 'send',
    column: 'requestsPerSecond',
    atLeast: 1.2,
  },
  {
    what: 'client over its limit: requests/s against express-rate-limit',
    scenario: 'over-limit',
    cell: loaded,
    of: 'stack',
    to: 'peers',
    column: 'requestsPerSecond',
    atLeast: 2.5,
  },
  {
    ...stackHit,
    what: 'stack, cached GET with session: Redis CPU per request against the peers',
    to: 'peers',
    column: 'redisCpuUs',
    atMost: 0.6,
  },
  {
    what: 'everything mounted, nothing needed: requests/s against bare Express',
    scenario: 'skip',
    cell: loaded,
    of: 'stack',
    to: 'send',
    column: 'requestsPerSecond',
    atLeast: 0.97,
  },
];

/** The bars of which this run has measured both sides. */
export function reachedIn(rows: readonly Row[]): Reached[] {
  return BARS.flatMap((bar) => {
    const row = rowOf(rows, bar.scenario, bar.cell, bar.of);
    const value = row && ratio(row, rowOf(rows, bar.scenario, bar.cell, bar.to), bar.column);
    return value === undefined ? [] : [judge(bar, value)];
  });
}

export function judge(
  { what, atLeast, atMost }: Pick<Bar, 'what' | 'atLeast' | 'atMost'>,
  value: number,
): Reached {
  const worse = atLeast === undefined ? Math.ceil : Math.floor;
  return {
    what,
    bar: atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`,
    reached: (worse(value * 1000) / 1000).toFixed(3),
    met: atLeast === undefined ? value <= atMost! : value >= atLeast,
  };
}
