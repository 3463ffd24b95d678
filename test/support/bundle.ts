import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';

const root = join(__dirname, '../..');
const folder = join(root, 'node_modules/.cache/bundles-of-tests');
const bundles = new Map<string, Promise<string>>();

/**
 * Bundles a TypeScript file with all that it imports; resolves with the script, which Node starts in 0.2 s. With tsx that
 * takes 1 s of CPU, and the suite starts some two hundred processes.
 */
export function bundleForNode(entry: string): Promise<string> {
  const known = bundles.get(entry);
  if (known) return known;
  const made = bundle(entry);
  bundles.set(entry, made);
  return made;
}

async function bundle(entry: string): Promise<string> {
  const build = await rolldown({
    input: entry,
    platform: 'node',
    external: ['pg-native'],
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    plugins: [{ name: 'keep-places', transform: (code, id) => keepPlaces(code, id) }],
    logLevel: 'silent',
  });
  const { output } = await build.generate({ format: 'cjs', codeSplitting: false });
  await build.close();
  const script = join(folder, relative(root, entry).replaceAll('/', '-').replace(/\.ts$/, '.cjs'));
  await mkdir(folder, { recursive: true });
  // Another process of the tests may be starting the same script.
  const unfinished = `${script}.${process.pid}`;
  await writeFile(unfinished, (output as [OutputChunk])[0].code);
  await rename(unfinished, script);
  return script;
}

// The bundle lies elsewhere: each source is told its own place, so that it finds the files beside it.
function keepPlaces(code: string, id: string): string | undefined {
  if (!/__(dir|file)name/.test(code) || /\b(const|let|var) __(dir|file)name/.test(code)) return undefined;
  const places = `const __dirname = ${JSON.stringify(dirname(id))}, __filename = ${JSON.stringify(id)};\n`;
  return `${places}${code.replace(/^#!.*/, '')}`;
}
