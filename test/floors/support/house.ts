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

const FLOORS = ['src', 'middleware', 'routes', 'server', 'test'];
const LINTERS = {
  async biome(): Promise<Map<string, string>> {
    const flags = ['--vcs-enabled=false', '--max-diagnostics=none', '--diagnostic-level=error'];
    const { output } = await run('biome', 'lint', ...flags, '.');
    return byFile(output.split(/^(?=\S+\.ts:\d+:\d+ )/m));
  },
  async oxlint(): Promise<Map<string, string>> {
    const { output } = await run('oxlint', '--type-aware', '--format=unix', ...FLOORS);
    return byFile(output.split('\n'));
  },
};

function byFile(findings: string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const finding of findings) {
    const path = /^(\S+\.ts):\d+:\d+/.exec(finding)?.[1];
    if (path) found.set(path, `${found.get(path) ?? ''}${finding}\n`);
  }
  return found;
}

/**
 * Gives the tests of a file an empty project that is linted once, before the first of them: to start a linter takes longer
 * than to lint. `put` adds a source, under a name that is free, and returns its path.
 */
export function useLintedHouse(linter: keyof typeof LINTERS) {
  const sources = new Map<string, string>();
  let found: ReadonlyMap<string, string>;
  useEmptyHouse();
  beforeAll(async () => {
    for (const floor of FLOORS) await mkdir(join(house, floor), { recursive: true });
    for (const [path, source] of sources) await put(path, source);
    found = await LINTERS[linter]();
  });
  const register = (path: string, source: string): string => {
    let free = path;
    for (let n = 2; sources.has(free); n++) free = path.replace(/(?=\.)/, `-${n}`);
    sources.set(free, source);
    return free;
  };
  return {
    put: register,
    /** Puts a file with each of the codes on each of the floors; `sourceOf` makes its source. */
    putOnEach: (
      floors: readonly string[],
      file: string,
      codes: readonly string[],
      sourceOf = (code: string) => `export const violation = () => ${code};\n`,
    ) =>
      floors.flatMap((floor) =>
        codes.map((code) => ({ floor, code, path: register(`${floor}/${file}`, sourceOf(code)) })),
      ),
    foundIn: (path: string) => found.get(path) ?? '',
  };
}
