import type { Built } from './construction.js';
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
const hit = { scenario: 'strangers', cell: loaded, of: 'stack' } as const;
const observed = { scenario: 'observed', cell: loaded, to: 'stack', column: 'nodeCpuUs' } as const;
const write = { scenario: 'strangers-write', cell: loaded, of: 'stack', to: 'peers' } as const;
const limiter = { scenario: 'strangers-limiter', cell: loaded, of: 'stack', to: 'peers' } as const;

const BARS: readonly Bar[] = [
  {
    ...hit,
    what: 'hit: Node CPU against the peers',
    to: 'peers',
    column: 'nodeCpuUs',
    atMost: 0.5,
  },
  { ...hit, what: 'hit: Redis CPU against the peers', to: 'peers', column: 'redisCpuUs', atMost: 0.65 },
  { ...hit, what: 'hit: Node CPU against bare res.send', to: 'send', column: 'nodeCpuUs', atMost: 2 },
  {
    ...observed,
    what: 'hit: Node CPU with ops that nobody looks at, against without',
    of: 'ops',
    atMost: 1.01,
  },
  { ...observed, what: 'hit: Node CPU while somebody looks', of: 'watched', atMost: 1.1 },
  { ...observed, what: 'hit: Node CPU with a listener on each channel', of: 'listened', atMost: 1.1 },
  { ...write, what: 'session write: Node CPU against the peers', column: 'nodeCpuUs', atMost: 0.65 },
  { ...write, what: 'session write: Redis CPU against the peers', column: 'redisCpuUs', atMost: 1 },
  { ...limiter, what: 'limiter alone: Node CPU against the peers', column: 'nodeCpuUs', atMost: 0.85 },
  { ...limiter, what: 'limiter alone: Redis CPU against the peers', column: 'redisCpuUs', atMost: 0.7 },
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
    ...hit,
    what: 'near cache validated, 1 KB: Node CPU against the stack without it',
    of: 'validated',
    to: 'stack',
    column: 'nodeCpuUs',
    atMost: 1,
  },
  {
    what: 'near cache validated, 100 KB: requests/s against cache-aside',
    scenario: 'large',
    cell: loaded,
    of: 'validated',
    to: 'peers',
    column: 'requestsPerSecond',
    atLeast: 4,
  },
  {
    what: 'one client, Redis 1 ms away each way: p50 against the peers',
    scenario: 'session-hit',
    cell: cellFor('far', 1),
    of: 'stack',
    to: 'peers',
    column: 'p50Ms',
    atMost: 0.28,
  },
];

const MOST_KILOBYTES = 50;
const MOST_MS = 0.2;

/** The bars of which this run has measured both sides. */
export function reachedIn(rows: readonly Row[], built: readonly Built[]): Reached[] {
  const ratios = BARS.flatMap((bar) => {
    const row = rowOf(rows, bar.scenario, bar.cell, bar.of);
    const value = row && ratio(row, rowOf(rows, bar.scenario, bar.cell, bar.to), bar.column);
    return value === undefined ? [] : [judge(bar, value)];
  });
  return [...ratios, ...built.filter(({ variant }) => variant === 'stack').flatMap(judgeBuilt)];
}

const judgeBuilt = ({ kilobytes, ms }: Built): Reached[] => [
  judge({ what: 'each rateLimit() made: memory in KB', atMost: MOST_KILOBYTES }, kilobytes),
  judge({ what: 'each rateLimit() made: time in ms', atMost: MOST_MS }, ms),
];

function judge({ what, atLeast, atMost }: Pick<Bar, 'what' | 'atLeast' | 'atMost'>, value: number): Reached {
  const worse = atLeast === undefined ? Math.ceil : Math.floor;
  return {
    what,
    bar: atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`,
    reached: (worse(value * 1000) / 1000).toFixed(3),
    met: atLeast === undefined ? value <= atMost! : value >= atLeast,
  };
}
