import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { forkTypeScript, type TypeScriptChild } from '../../support/processes.js';
import { childrenOf, isRunning, processesNaming } from '../../support/system.js';

const HOLDER = join(__dirname, '../../support/service-holder.ts');
const DIRECTORY = /\/[^\s=]*express-redis-toolkit-\w+/;

let holder: TypeScriptChild;

beforeEach(async () => {
  holder = await forkTypeScript(HOLDER);
});

afterEach(() => holder.kill());

/** Its keeper, a shell, has it on its command line. */
function directoryInUse(): string {
  const keeper = childrenOf(holder.pid).find(({ command }) => DIRECTORY.test(command));
  return DIRECTORY.exec(keeper!.command)![0];
}

async function expectNothingLeft(directory: string): Promise<void> {
  expect(existsSync(directory)).toBe(true);
  await holder.kill('SIGKILL');
  await eventually('no process names the directory', () => processesNaming(directory).length === 0);
  await eventually('the directory is gone', () => !existsSync(directory));
}

test('a Redis dies with a parent that is killed, and its directory goes', async () => {
  const pid = await holder.call<number>('startRedis');
  await expectNothingLeft(directoryInUse());
  expect(isRunning(pid)).toBe(false);
});

test('a frozen Redis dies with a parent that is killed', async () => {
  const pid = await holder.call<number>('startRedis');
  process.kill(pid, 'SIGSTOP');
  await expectNothingLeft(directoryInUse());
  expect(isRunning(pid)).toBe(false);
});

test('a PostgreSQL dies with a parent that is killed, with all its processes', async () => {
  const pid = await holder.call<number>('startPostgres');
  const workers = childrenOf(pid);
  expect(workers.length).toBeGreaterThan(2);
  await expectNothingLeft(directoryInUse());
  await eventually('its processes are gone', () => !workers.some((worker) => isRunning(worker.pid)));
});

test('a parent killed while initdb works leaves nothing', async () => {
  await holder.call('beginPostgres');
  const initdb = () => childrenOf(holder.pid).find(({ command }) => command.includes('--pgdata'));
  await eventually('initdb works', () => initdb() !== undefined);
  await expectNothingLeft(directoryInUse());
});

test('a parent that ends by itself leaves nothing either', async () => {
  const directory = await holder.call<string>('startKeeper');
  expect(existsSync(directory)).toBe(true);
  await holder.kill('SIGTERM');
  await eventually('the directory is gone', () => !existsSync(directory));
});
