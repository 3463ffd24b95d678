import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { build } from 'rolldown';
import { bundling, root } from './bundling.js';

const dist = join(root, 'dist');
const doors = ['index', 'ops', 'opentelemetry', 'testing'];
// What a program reads or serves as a file.
const copied = new Set(['.lua', '.sql', '.html', '.css', '.js', '.svg']);

async function main(): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  declareTypes();
  await buildForNode();
  await buildForBundlers();
  await buildSample();
  copyFiles();
}

function declareTypes(): void {
  const compile = ['tsc', '-p', 'tsconfig.build.json'];
  const { status } = spawnSync('npx', compile, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

// Few files: of the time that Node takes to load 260 files, it spends two thirds on finding and opening them.
async function buildForNode(): Promise<void> {
  await build({
    ...bundling,
    input: {
      ...Object.fromEntries(doors.map((door) => [door, `${door}.ts`])),
      cli: 'src/cli/main.ts',
    },
    output: {
      dir: dist,
      format: 'cjs',
      chunkFileNames: '[name].js',
      codeSplitting: { groups: [{ name: 'toolkit', minShareCount: 2 }] },
    },
  });
}

// A file for each file of the sources, so that a bundler leaves out what an app does not import.
async function buildForBundlers(): Promise<void> {
  await build({
    ...bundling,
    input: doors.map((door) => `${door}.ts`),
    output: { dir: join(dist, 'modules'), format: 'esm', preserveModules: true, preserveModulesRoot: root },
  });
  writeFileSync(join(dist, 'modules/package.json'), '{ "type": "module", "sideEffects": false }\n');
}

async function buildSample(): Promise<void> {
  await build({
    ...bundling,
    input: { main: 'server/main.ts' },
    output: { dir: join(dist, 'server'), format: 'cjs', chunkFileNames: '[name].js' },
  });
}

function copyFiles(): void {
  for (const floor of ['src', 'server']) {
    for (const path of readdirSync(join(root, floor), { recursive: true, encoding: 'utf8' })) {
      if (copied.has(extname(path))) cpSync(join(root, floor, path), join(dist, floor, path));
    }
  }
}

void main();
