import type { Row } from './results.js';
import type { Scenario } from './scenarios.js';
import { usesRedis } from './variants.js';

const TOLERATED_ORIGIN_CALLS = 0.01;

/** What makes a figure worth less than it looks: answers that were not what the scenario is about. */
export function doubtsAbout(rows: readonly Row[], scenarios: readonly Scenario[]): string[] {
  return rows.flatMap(({ scenario, variant, cell, samples }) => {
    const where = `${scenario}, ${variant}, Redis ${cell.redis}, ${cell.connections} at once`;
    const unexpected = samples.reduce((sum, sample) => sum + sample.unexpected, 0);
    const origin = Math.max(...samples.map(({ originCalls }) => originCalls));
    const allHits = scenarios.find(({ name }) => name === scenario)?.allHits && usesRedis(variant);
    return [
      ...(unexpected > 0 ? [`${where}: ${unexpected} answers with another status, or none`] : []),
      ...(allHits && origin > TOLERATED_ORIGIN_CALLS
        ? [`${where}: in one round ${(origin * 100).toFixed(1)} % of the requests were no hits`]
        : []),
    ];
  });
}
