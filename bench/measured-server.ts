import { forkTypeScript } from '../test/support/processes.js';
import { compiled } from './compile.js';
import type { Load, LoadResult } from './load-process.js';
import type { Scenario } from './scenarios.js';
import type { Listen, Made, Usage } from './server-process.js';
import type { Variant } from './variants.js';

export interface MeasuredServer {
  readonly port: number;
  readonly cookies: readonly string[];
  usage(): Promise<Usage>;
  makeLimiters(count: number): Promise<Made>;
  stop(): Promise<void>;
}

export interface LoadGenerator {
  run(load: Load): Promise<LoadResult>;
  stop(): Promise<void>;
}

export async function startServer(
  scenario: Scenario,
  variant: Variant,
  redisUrl: string,
  { node, execArgv = [] }: { readonly node: string; readonly execArgv?: readonly string[] },
): Promise<MeasuredServer> {
  const child = await forkTypeScript(compiled('server-process.js'), {
    env: { NODE_ENV: 'production', REDIS_URL: redisUrl, FORCE_COLOR: undefined },
    execPath: node,
    execArgv: [...execArgv],
  });
  const listen: Listen = {
    variant,
    skipping: scenario.skipping ?? false,
    behindProxy: scenario.strangers ?? false,
  };
  const port = await child.call<number>('listen', listen);
  const cookies = await logIn(port, scenario.people ?? 0);
  return {
    port,
    cookies,
    usage: () => child.call<Usage>('usage'),
    makeLimiters: (count) => child.call<Made>('makeLimiters', count),
    async stop() {
      // Ends by itself, so that it writes its profile.
      await child.call('end').catch(() => undefined);
      await child.exited;
    },
  };
}

const LOGINS_AT_ONCE = 64;

async function logIn(port: number, people: number): Promise<string[]> {
  const answers: Response[] = [];
  while (answers.length < people) {
    const group = Array.from({ length: Math.min(LOGINS_AT_ONCE, people - answers.length) }, () =>
      fetch(`http://127.0.0.1:${port}/login`, { method: 'POST' }),
    );
    answers.push(...(await Promise.all(group)));
  }
  // Bare Express gives none; its requests carry one of the same length all the same.
  return answers.map(
    (answer) => answer.headers.getSetCookie()[0]?.split(';')[0] ?? `connect.sid=${'x'.repeat(95)}`,
  );
}

export async function startLoadGenerator(): Promise<LoadGenerator> {
  const child = await forkTypeScript(compiled('load-process.js'), { execArgv: [] });
  return { run: (load) => child.call<LoadResult>('run', load), stop: () => child.kill() };
}

/** Redis behind a proxy that delays it. */
export interface FarRedis {
  readonly url: string;
  /** The round trips so far, if one request runs at a time. */
  writes(): Promise<number>;
  stop(): Promise<void>;
}

export async function startFarRedis(port: number, delayMs: number): Promise<FarRedis> {
  const child = await forkTypeScript(compiled('far-redis-process.js'), { execArgv: [] });
  const farPort = await child.call<number>('start', { port, delayMs });
  return {
    url: `redis://127.0.0.1:${farPort}`,
    writes: () => child.call<number>('writes'),
    stop: () => child.kill(),
  };
}
