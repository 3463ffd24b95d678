import { join } from 'node:path';
import type { BuildOptions } from 'rolldown';
import { pageTexts } from '../middleware/ops/index.js';
import { luaTexts } from '../src/lua-texts.js';

export const root = join(__dirname, '..');

// The texts of the scripts and of the operators' page are part of the JavaScript: a bundled app finds no file of this
// package where it runs.
const texts = new Map([
  [join(root, 'src/lua-texts.ts'), `export const luaTexts = ${JSON.stringify(luaTexts, null, 2)};`],
  [
    join(root, 'middleware/ops/page-texts.ts'),
    `export const pageTexts = ${JSON.stringify(pageTexts, null, 2)};`,
  ],
]);

/** How Rolldown turns the sources into JavaScript, for the package and for what the benchmark measures. */
export const bundling: BuildOptions = {
  cwd: root,
  platform: 'node',
  // What comes from node_modules is not part of a bundle: it is required when the program runs.
  external: /^[^./]/,
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  plugins: [{ name: 'embed-texts', load: (id) => texts.get(id) }],
};
