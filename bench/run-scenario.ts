import type { Arguments } from './command-line.js';
import { type Bench, countRoundTrips, fillEntries, measure, type Sample, warmUp } from './measure.js';
import { type MeasuredServer, startServer } from './measured-server.js';
import { onlookerOf } from './onlooker.js';
import type { Progress } from './progress.js';
import type { Row } from './results.js';
import { rotated } from './rotated.js';
import type { Cell, Scenario } from './scenarios.js';
import { databaseOf, usesRedis, type Variant } from './variants.js';

const COUNTED_REQUESTS = 40;

interface Contender {
  readonly variant: Variant;
  readonly near: MeasuredServer;
  /** None for what does not use Redis. */
  readonly far: MeasuredServer | undefined;
}

const variantsOf = (scenario: Scenario, { variants }: Arguments): Variant[] =>
  scenario.variants.filter((variant) => variants.includes(variant));

const takesPart = (variant: Variant, { redis }: Cell) => redis === 'near' || usesRedis(variant);

const roundsOf = ({ entries }: Scenario, { effort }: Arguments): number =>
  entries ? effort.roundsOfFilling : effort.rounds;

const measurementsOfOne = (scenario: Scenario, args: Arguments): number =>
  roundsOf(scenario, args) *
  scenario.cells.flatMap((cell) => variantsOf(scenario, args).filter((variant) => takesPart(variant, cell)))
    .length;

export const measurementsOf = (args: Arguments): number =>
  args.scenarios.reduce((sum, scenario) => sum + measurementsOfOne(scenario, args), 0);

const MAIN_VARIANTS: readonly Variant[] = ['peers', 'stack', 'validated', 'send'];

/** What is also measured on other Nodes. */
export const mainPartOf = (args: Arguments): Arguments => ({
  ...args,
  scenarios: args.scenarios.filter(({ strangers, variants }) => strangers && variants.includes('peers')),
  variants: args.variants.filter((variant) => MAIN_VARIANTS.includes(variant)),
});

export async function runScenarios(
  bench: Bench,
  nearUrl: string,
  args: Arguments,
  progress: Progress,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scenario of args.scenarios)
    rows.push(...(await runScenario(bench, nearUrl, scenario, args, progress)));
  return rows;
}

/** Measures all variants of a scenario, one after the other in each round, and the rounds in a new order each. */
async function runScenario(
  bench: Bench,
  nearUrl: string,
  scenario: Scenario,
  args: Arguments,
  progress: Progress,
): Promise<Row[]> {
  await bench.probe.forgetAll();
  const contenders = await Promise.all(
    variantsOf(scenario, args).map((variant) => enter(bench, nearUrl, scenario, variant, args)),
  );
  const lookAway = await onlookerOf(variantsOf(scenario, args), nearUrl);
  const samples = new Map<string, Sample[]>();
  const keyOf = (variant: Variant, cell: Cell) => `${variant} ${cell.redis} ${cell.connections}`;
  await warmUpAll(bench, scenario, contenders, args.effort.warmUpMs);
  for (let round = 0; round < roundsOf(scenario, args); round++) {
    for (const cell of scenario.cells) {
      for (const contender of rotated(contenders, round)) {
        const server = contender[cell.redis];
        if (!server) continue;
        const { variant } = contender;
        progress.show(`${scenario.title}: ${variant}, Redis ${cell.redis}, ${cell.connections} at once`);
        const sample = await measureOnce(bench, server, scenario, cell, args.effort.durationMs);
        samples.set(keyOf(variant, cell), [...(samples.get(keyOf(variant, cell)) ?? []), sample]);
      }
    }
  }
  await lookAway();
  const rows: Row[] = [];
  for (const { variant, near, far } of contenders) {
    const roundTrips = far && (await countRoundTrips(bench, far, scenario, COUNTED_REQUESTS));
    for (const cell of scenario.cells) {
      const own = samples.get(keyOf(variant, cell));
      if (own) rows.push({ scenario: scenario.name, cell, variant, samples: own, roundTrips });
    }
    await near.stop();
    await far?.stop();
  }
  return rows;
}

async function enter(
  { far }: Bench,
  nearUrl: string,
  scenario: Scenario,
  variant: Variant,
  { node, profileInto }: Arguments,
): Promise<Contender> {
  const at = (redis: Cell['redis'], url: string) => {
    const profile = `--cpu-prof-name=${scenario.name}-${variant}-${redis}.cpuprofile`;
    const execArgv = profileInto ? ['--cpu-prof', `--cpu-prof-dir=${profileInto}`, profile] : [];
    return startServer(scenario, variant, `${url}/${databaseOf(variant)}`, { node: node.path, execArgv });
  };
  return {
    variant,
    near: await at('near', nearUrl),
    far: usesRedis(variant) ? await at('far', far.url) : undefined,
  };
}

async function warmUpAll(
  bench: Bench,
  scenario: Scenario,
  contenders: readonly Contender[],
  durationMs: number,
): Promise<void> {
  const isFarMeasured = scenario.cells.some(({ redis }) => redis === 'far');
  for (const { near, far } of contenders) {
    await warmUp(bench, near, scenario, { redis: 'near', connections: 64 }, durationMs);
    if (far && isFarMeasured)
      await warmUp(bench, far, scenario, { redis: 'far', connections: 64 }, durationMs);
  }
}

async function measureOnce(
  bench: Bench,
  server: MeasuredServer,
  scenario: Scenario,
  cell: Cell,
  durationMs: number,
): Promise<Sample> {
  const { entries, amount } = scenario;
  if (entries) await fillEntries(bench, server, entries);
  return measure(bench, server, scenario, cell, amount ? { amount } : { durationMs });
}
