import { parseArgs } from 'node:util';
import { type ChosenNode, chosenNode } from '../scripts/chosen-node.js';
import { SCENARIOS, type Scenario } from './scenarios.js';
import { VARIANTS, type Variant } from './variants.js';

export interface Effort {
  readonly rounds: number;
  /** Of scenarios that begin by storing thousands of entries. */
  readonly roundsOfFilling: number;
  readonly durationMs: number;
  readonly warmUpMs: number;
}

export interface Arguments {
  readonly quick: boolean;
  /** All scenarios with all variants. */
  readonly whole: boolean;
  readonly effort: Effort;
  readonly scenarios: readonly Scenario[];
  readonly variants: readonly Variant[];
  readonly node: ChosenNode;
  /** The main scenarios are measured on these too. */
  readonly beside: readonly ChosenNode[];
  readonly profileInto?: string;
}

const QUICK: Effort = { rounds: 3, roundsOfFilling: 1, durationMs: 350, warmUpMs: 400 };
// After 2 s V8 had not optimised the middlewares yet: a hit then cost 0.83 of the peers' CPU, and 0.64 after 20 s.
const FULL: Effort = { rounds: 5, roundsOfFilling: 3, durationMs: 2_000, warmUpMs: 10_000 };

/**
 * `--quick`, `--node <major>` for the measured processes, `--beside <major,…>` for the main scenarios once more on other
 * Nodes, `--only <scenario,…>`, `--variants <variant,…>`, `--rounds <n>`, and `--profile <directory>`, into which each
 * server writes a .cpuprofile.
 */
export function readArguments(argv: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      variants: { type: 'string' },
      rounds: { type: 'string' },
      profile: { type: 'string' },
      node: { type: 'string' },
      beside: { type: 'string' },
    },
  });
  const all = Object.keys(VARIANTS) as Variant[];
  const names = chosen(
    'only',
    values.only,
    SCENARIOS.map(({ name }) => name),
  );
  const effort = values.quick ? QUICK : FULL;
  return {
    quick: values.quick,
    whole: !values.only && !values.variants,
    effort: values.rounds ? { ...effort, rounds: wholeNumber(values.rounds) } : effort,
    scenarios: SCENARIOS.filter(({ name }) => names.includes(name)),
    variants: chosen('variants', values.variants, all),
    node: chosenNode(values.node),
    beside: (values.beside?.split(',') ?? []).map(chosenNode),
    ...(values.profile && { profileInto: values.profile }),
  };
}

function wholeNumber(rounds: string): number {
  if (!/^[1-9]\d*$/.test(rounds)) throw new Error(`--rounds: give a whole number, not ${rounds}`);
  return Number(rounds);
}

function chosen<Name extends string>(
  option: string,
  given: string | undefined,
  all: readonly Name[],
): readonly Name[] {
  if (given === undefined) return all;
  const names = given.split(',') as Name[];
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length > 0)
    throw new Error(`--${option}: there is no ${unknown.join(', ')}; there are ${all.join(', ')}`);
  return names;
}
