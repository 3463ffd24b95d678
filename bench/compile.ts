import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..');
const output = join(__dirname, 'dist');

/** Where `compile` puts a file of bench/. */
export const compiled = (file: string): string => join(output, 'bench', file);

/**
 * Compiles what the measured processes run. tsx, which runs the rest, wraps every inner function in a call that
 * sets its name: closures made for each request would cost what they do not cost in the package.
 */
export function compile(): void {
  rmSync(output, { recursive: true, force: true });
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(__dirname, 'tsconfig.json')], {
    stdio: 'inherit',
  });
  for (const folder of ['src/lua', 'middleware/ops/page'])
    cpSync(join(root, folder), join(output, folder), { recursive: true });
}
