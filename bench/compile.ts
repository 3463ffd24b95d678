import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';
import { bundling } from '../scripts/bundling.js';

const output = join(__dirname, 'dist');
const measured = ['server-process', 'load-process', 'far-redis-process'];

/** Where `compile` puts a file of bench/. */
export const compiled = (file: string): string => join(output, file);

/**
 * Builds what the measured processes run, as the package is built. tsx, which runs the rest, wraps every inner function
 * in a call that sets its name: closures made for each request would cost what they do not cost in the package.
 */
export async function compile(): Promise<void> {
  rmSync(output, { recursive: true, force: true });
  await build({
    ...bundling,
    input: Object.fromEntries(measured.map((name) => [name, `bench/${name}.ts`])),
    output: { dir: output, format: 'cjs', chunkFileNames: '[name].js' },
  });
}
