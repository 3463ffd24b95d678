import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(__dirname, 'lua');

/**
 * The text of each file of `src/lua`, by its path there without `.lua`. The build replaces this module by one that holds
 * the texts (scripts/build.ts), so that a bundled app needs no files beside it.
 */
export const luaTexts: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.lua'))
    .map((path) => [path.slice(0, -'.lua'.length), readFileSync(join(folder, path), 'utf8')]),
);
