import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { pageTexts } from '../middleware/ops/index.js';
import { luaTexts } from '../src/lua-texts.js';

const root = join(__dirname, '..');
const dist = join(root, 'dist');
const copied = new Set(['.lua', '.sql', '.html', '.css', '.js', '.svg']);

rmSync(dist, { recursive: true, force: true });
compile('tsconfig.build.json');
compile('tsconfig.modules.json');
copyAssets();
embedTexts();

function compile(project: string): void {
  const { status } = spawnSync('npx', ['tsc', '-p', join(root, project)], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function copyAssets(): void {
  for (const floor of ['src', 'server']) {
    for (const path of readdirSync(join(root, floor), { recursive: true, encoding: 'utf8' })) {
      if (copied.has(extname(path))) cpSync(join(root, floor, path), join(dist, floor, path));
    }
  }
}

// The texts of the scripts and of the page are part of the JavaScript. A bundled app finds no file of this package where
// it runs.
function embedTexts(): void {
  embed('src/lua-texts.js', { luaTexts });
  embed('middleware/ops/page-texts.js', { pageTexts });
  // ES modules for bundlers, which can leave out what an app does not import. Node itself loads the CommonJS files.
  writeFileSync(join(dist, 'modules/package.json'), '{ "type": "module", "sideEffects": false }\n');
}

function embed(path: string, values: Record<string, object>): void {
  const [[name, texts] = []] = Object.entries(values);
  const json = JSON.stringify(texts, null, 2);
  writeFileSync(join(dist, path), `"use strict";\nexports.${name} = ${json};\n`);
  writeFileSync(join(dist, 'modules', path), `export const ${name} = ${json};\n`);
}
