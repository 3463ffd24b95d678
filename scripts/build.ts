import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { luaTexts } from '../src/lua-texts.js';

const root = join(__dirname, '..');
const dist = join(root, 'dist');
const copied = new Set(['.lua', '.sql', '.html', '.css', '.js', '.svg']);

rmSync(dist, { recursive: true, force: true });
compile('tsconfig.build.json');
compile('tsconfig.modules.json');
copyAssets();
embedLua();

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

// The texts of the scripts are part of the JavaScript. A bundled app finds no file of this package where it runs.
function embedLua(): void {
  const texts = JSON.stringify(luaTexts, null, 2);
  const path = 'src/lua-texts.js';
  writeFileSync(join(dist, path), `"use strict";\nexports.luaTexts = ${texts};\n`);
  writeFileSync(join(dist, 'modules', path), `export const luaTexts = ${texts};\n`);
  // ES modules for bundlers, which can leave out what an app does not import. Node itself loads the CommonJS files.
  writeFileSync(join(dist, 'modules/package.json'), '{ "type": "module", "sideEffects": false }\n');
}
