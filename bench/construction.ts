import { startServer } from './measured-server.js';
import { SCENARIOS } from './scenarios.js';
import type { Variant } from './variants.js';

/** What one limiter costs the process before its first request. */
export interface Built {
  readonly variant: Variant;
  readonly kilobytes: number;
  readonly ms: number;
}

const LIMITERS = 200;

/** Makes many limiters, as an application does that has one for each route. */
export async function measureConstruction(
  variants: readonly Variant[],
  redisUrl: string,
  node: string,
): Promise<Built[]> {
  const built: Built[] = [];
  for (const variant of variants.filter((each) => each === 'peers' || each === 'stack')) {
    const server = await startServer(SCENARIOS[0]!, variant, redisUrl, { node, execArgv: ['--expose-gc'] });
    const { bytes, ms } = await server.makeLimiters(LIMITERS);
    await server.stop();
    built.push({ variant, kilobytes: bytes / LIMITERS / 1_024, ms: ms / LIMITERS });
  }
  return built;
}
