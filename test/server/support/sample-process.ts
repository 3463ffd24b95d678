import { join } from 'node:path';
import { expect, inject, onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase } from '../../support/postgres.js';
import { launch, launchBundled, type TypeScriptChild } from '../../support/processes.js';
import { isRunning } from '../../support/system.js';

const MAIN = join(__dirname, '../../../server/main.ts');

type Settings = Readonly<Record<string, string | undefined>>;

const BARE = {
  NODE_ENV: undefined,
  REDIS_URL: undefined,
  DATABASE_URL: undefined,
  SESSION_SECRET: undefined,
};

const settled = (env: Settings) => ({ env: { ...BARE, LOG_LEVEL: 'warn', PORT: '0', ...env } });

/** The commands of what the sample starts where it is given no server. */
export const OWN_SERVICES = /redis-server|postgres|keeper/;

/** Starts the sample for the running test, with these settings alone. */
export async function startSample(env: Settings): Promise<TypeScriptChild> {
  return untilTheEnd(await launchBundled(MAIN, settled(env)));
}

/** The same from its sources, as `npm start` does. */
export const startFromSources = (): TypeScriptChild => untilTheEnd(launch(MAIN, settled({})));

/** The same on the Redis of all tests and a database of its own. */
export async function startOnSharedServices(env: Settings = {}): Promise<TypeScriptChild> {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  return startSample({ REDIS_URL: inject('redisUrl'), DATABASE_URL: database.url, ...env });
}

function untilTheEnd(child: TypeScriptChild): TypeScriptChild {
  onTestFinished(() => child.kill());
  return child;
}

export async function portOf(child: TypeScriptChild): Promise<number> {
  const listening = /Listening on (?:port |http:\/\/localhost:)(\d+)/;
  const listens = () => {
    expect(isRunning(child.pid), child.output()).toBe(true);
    return listening.test(child.output());
  };
  await eventually('the server listens', listens, { withinMs: 20_000 });
  return Number(listening.exec(child.output())![1]);
}
