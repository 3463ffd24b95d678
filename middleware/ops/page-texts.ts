import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(__dirname, 'page');

/**
 * The text of each file of `page/`, by its name. The build replaces this module by one that holds the texts
 * (scripts/build.ts), so that a bundled app needs no files beside it.
 */
export const pageTexts: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
);
