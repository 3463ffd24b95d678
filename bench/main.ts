import { startRedis } from '../test/support/redis.js';
import { type Arguments, readArguments } from './command-line.js';
import { compile } from './compile.js';
import { measureConstruction } from './construction.js';
import { startFarRedis, startLoadGenerator } from './measured-server.js';
import { progressOf } from './progress.js';
import { redisProbe } from './redis-probe.js';
import { textOf, writeResults } from './report.js';
import type { OnNode } from './results.js';
import { mainPartOf, measurementsOf, runScenarios } from './run-scenario.js';

const FAR_MS = 1;

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  await compile();
  const redis = await startRedis();
  const far = await startFarRedis(redis.port, FAR_MS);
  const bench = { far, load: await startLoadGenerator(), probe: redisProbe(redis.url) };
  const progress = progressOf(measurementsOf(args) + args.beside.length * measurementsOf(mainPartOf(args)));
  const measure = (part: Arguments) => runScenarios(bench, redis.url, part, progress);
  const rows = await measure(args);
  const beside: OnNode[] = [];
  for (const node of args.beside) beside.push({ node, rows: await measure({ ...mainPartOf(args), node }) });
  progress.end();
  const built = await measureConstruction(args.whole ? args.variants : [], redis.url, args.node.path);
  const redisVersion = await bench.probe.version();
  bench.probe.close();
  await Promise.all([bench.load.stop(), far.stop(), redis.stop()]);
  console.log(textOf({ rows, built, beside }, args));
  if (args.whole && !args.quick) writeResults({ rows, built, beside }, args, redisVersion);
  else console.log('\nA part of the benchmark, or a quick run: bench/results.* are left as they are.');
}

void main();
