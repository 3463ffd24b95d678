import type { Policy } from './quota.js';

/** What decides whether two policies count together. */
export type CounterTerms = Pick<Policy, 'name' | 'windowMs' | 'algorithm'>;

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/**
 * The name under which a policy counts: its own name unless that is `default`, its window, and its algorithm unless
 * that is `sliding-window`. Policies with another window or algorithm never share a count, because a short window
 * forgets what a long one needs. Redis allocates names in steps: with `default/` a counter of an IPv4 address would
 * take 136 bytes instead of 120.
 *
 * @example
 * counterName({ name: 'default', windowMs: 900_000, algorithm: 'sliding-window' });  // '15m'
 * counterName({ name: 'burst', windowMs: 1_500, algorithm: 'token-bucket' });        // 'burst/1500ms/token-bucket'
 */
export function counterName({ name, windowMs, algorithm }: CounterTerms): string {
  const [unit, unitMs] = UNITS.find(([, ms]) => windowMs % ms === 0) ?? ['ms', 1];
  const namePart = name === 'default' ? '' : `${name}/`;
  const algorithmPart = algorithm === 'sliding-window' ? '' : `/${algorithm}`;
  return `${namePart}${windowMs / unitMs}${unit}${algorithmPart}`;
}

const COUNTER = /^(?:(.+)\/)?(\d+)(d|h|m|s|ms)(?:\/(fixed-window|token-bucket))?$/;

/** What a counter name says; undefined for a text that is none. */
export function parseCounterName(text: string): CounterTerms | undefined {
  const parts = COUNTER.exec(text);
  if (!parts) return undefined;
  const [, name = 'default', number = '', unit, algorithm = 'sliding-window'] = parts;
  const unitMs = UNITS.find(([letter]) => letter === unit)?.[1] ?? 1;
  return { name, windowMs: Number(number) * unitMs, algorithm: algorithm as CounterTerms['algorithm'] };
}
