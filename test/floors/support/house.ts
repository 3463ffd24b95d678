import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

const root = join(__dirname, '../../..');
const CONFIGURATION = ['biome.json', '.oxlintrc.json', 'scripts/floors', 'tsconfig.json', 'package.json'];
let house: string;

export interface LintResult {
  readonly passed: boolean;
  readonly output: string;
}

/** Gives the tests of a file an empty project with the lint configuration of this one. */
export function useEmptyHouse(): void {
  beforeAll(async () => {
    house = await mkdtemp(join(tmpdir(), 'floors-'));
    for (const file of CONFIGURATION) await cp(join(root, file), join(house, file), { recursive: true });
    await symlink(join(root, 'node_modules'), join(house, 'node_modules'));
  });
  afterAll(() => rm(house, { recursive: true, force: true }));
}

export async function put(path: string, source: string): Promise<void> {
  await mkdir(dirname(join(house, path)), { recursive: true });
  await writeFile(join(house, path), source);
}

export function run(command: string, ...args: string[]): Promise<LintResult> {
  return new Promise((resolve) => {
    // oxlint finds its type checker on PATH, as it does under `npm run`.
    const path = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`;
    const options = { cwd: house, env: { ...process.env, PATH: path } };
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({ passed: error === null, output: stdout + stderr }),
    );
  });
}

export const runBiome = (path: string) => run('biome', 'lint', '--vcs-enabled=false', path);
export const runOxlint = (path: string) => run('oxlint', path);
export const runOxlintWithTypes = (path: string) => run('oxlint', '--type-aware', path);
