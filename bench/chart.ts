import { medianOf, type Row, rowOf } from './results.js';
import { type Cell, cellFor } from './scenarios.js';
import { VARIANTS, type Variant } from './variants.js';

interface Panel {
  readonly title: string;
  readonly scenario: string;
  readonly cell: Cell;
  readonly column: 'requestsPerSecond' | 'p50Ms' | 'nodeCpuUs' | 'redisCpuUs';
  readonly unit: string;
  readonly digits: number;
}

const HIT = { scenario: 'strangers', cell: cellFor('near', 64) };
const RATE = { column: 'requestsPerSecond', unit: '', digits: 0 } as const;

const PANELS: readonly Panel[] = [
  { ...HIT, ...RATE, title: 'Limiter, session and cached GET, 64 strangers at once: requests per second' },
  {
    ...HIT,
    title: 'The same: CPU of the Node process per request',
    column: 'nodeCpuUs',
    unit: ' µs',
    digits: 0,
  },
  {
    ...HIT,
    title: 'The same: CPU of Redis per request',
    column: 'redisCpuUs',
    unit: ' µs',
    digits: 1,
  },
  {
    scenario: 'session-hit',
    cell: cellFor('far', 1),
    title: 'The same, Redis 1 ms away each way, one client: median time',
    column: 'p50Ms',
    unit: ' ms',
    digits: 1,
  },
  {
    ...RATE,
    title: 'Cached GET of 100 KB: requests per second',
    scenario: 'large',
    cell: cellFor('near', 64),
  },
  {
    ...RATE,
    title: 'Client over its limit: requests per second',
    scenario: 'over-limit',
    cell: cellFor('near', 64),
  },
];

const WIDTH = 760;
const LABELS = 310;
const ROOM_FOR_VALUE = 80;
const BAR = 18;
const LINE = 24;
const STYLE = `text{font:13px system-ui,sans-serif;fill:#333}.t{font-weight:600}.n{font-size:11px}
.peers{fill:#c2703d}.stack{fill:#2f6fb3}.ours{fill:#7ba7d3}.bare{fill:#a9a9a9}
@media(prefers-color-scheme:dark){text{fill:#ddd}}`;

const colourOf = (variant: Variant): string => {
  if (variant === 'peers' || variant === 'stack') return variant;
  return variant === 'send' || variant === 'end' ? 'bare' : 'ours';
};

/** The bars of docs/guides/performance.md. */
export function chartOf(rows: readonly Row[], made: string): string {
  const parts: string[] = [];
  let y = 0;
  for (const panel of PANELS) {
    const bars = (Object.keys(VARIANTS) as Variant[]).flatMap((variant) => {
      const row = rowOf(rows, panel.scenario, panel.cell, variant);
      return row ? [{ variant, value: medianOf(row, panel.column) }] : [];
    });
    if (bars.length === 0) continue;
    const longest = Math.max(...bars.map(({ value }) => value));
    y += LINE;
    parts.push(`<text class="t" x="0" y="${y}">${panel.title}</text>`);
    y += LINE / 3;
    for (const { variant, value } of bars) {
      const width = (value / longest) * (WIDTH - LABELS - ROOM_FOR_VALUE);
      const middle = y + BAR - 4;
      parts.push(
        `<text x="${LABELS - 8}" y="${middle}" text-anchor="end">${VARIANTS[variant]}</text>`,
        `<rect class="${colourOf(variant)}" x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR}"/>`,
        `<text x="${(LABELS + width + 6).toFixed(1)}" y="${middle}">${figure(value, panel)}</text>`,
      );
      y += LINE;
    }
  }
  y += LINE;
  parts.push(`<text class="n" x="0" y="${y}">${made}</text>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 8}" width="${WIDTH}" role="img">`,
    '<title>express-redis-toolkit, its peers, and Express without middleware</title>',
    `<style>${STYLE}</style>`,
    ...parts,
    '</svg>',
  ].join('\n');
}

const figure = (value: number, { unit, digits }: Panel): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }) + unit;
