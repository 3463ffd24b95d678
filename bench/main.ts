import { startRedis } from '../test/support/redis.js';
import { readArguments } from './command-line.js';
import { compile } from './compile.js';
import { measureConstruction } from './construction.js';
import { startFarRedis, startLoadGenerator } from './measured-server.js';
import { progressOf } from './progress.js';
import { redisProbe } from './redis-probe.js';
import { textOf, writeResults } from './report.js';
import type { Row } from './results.js';
import { measurementsOf, runScenario } from './run-scenario.js';

const FAR_MS = 1;

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  compile();
  const redis = await startRedis();
  const far = await startFarRedis(redis.port, FAR_MS);
  const bench = { far, load: await startLoadGenerator(), probe: redisProbe(redis.url) };
  const progress = progressOf(args.scenarios.reduce((sum, one) => sum + measurementsOf(one, args), 0));
  const rows: Row[] = [];
  for (const scenario of args.scenarios) {
    rows.push(...(await runScenario(bench, redis.url, scenario, args, progress)));
  }
  progress.end();
  const built = await measureConstruction(args.whole ? args.variants : [], redis.url, args.node.path);
  const redisVersion = await bench.probe.version();
  bench.probe.close();
  await Promise.all([bench.load.stop(), far.stop(), redis.stop()]);
  console.log(textOf({ rows, built }, args));
  if (args.whole) writeResults({ rows, built }, args, redisVersion);
  else console.log('\nA part of the benchmark: bench/results.* are left as they are.');
}

void main();
