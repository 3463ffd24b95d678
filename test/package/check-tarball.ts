import { deepStrictEqual } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(__dirname, '../..');
const [unpacked = ''] = process.argv.slice(2);

function filesIn(directory: string, below = ''): string[] {
  return readdirSync(join(directory, below), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(directory, join(below, entry.name)) : [join(below, entry.name)],
  );
}

// Types and Lua as in the sources; the JavaScript is in few files.
function built(path: string): string[] {
  return path.endsWith('.ts') ? [join('dist', path.replace(/\.ts$/, '.d.ts'))] : [join('dist', path)];
}

// The page of `ops` is part of the JavaScript.
const isPage = (path: string) => path.startsWith('middleware/ops/page/');
const sources = [
  'index.ts',
  'opentelemetry.ts',
  'ops.ts',
  'testing.ts',
  ...filesIn(root, 'src'),
  ...filesIn(root, 'middleware'),
].filter((path) => !isPage(path));
const beside = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'bench/results.md',
  'bench/results.svg',
];
const programs = [
  'index.js',
  'opentelemetry.js',
  'ops.js',
  'testing.js',
  'cli.js',
  'toolkit.js',
  'rolldown-runtime.js',
];
const pages = filesIn(root, 'docs');
const expected = [
  ...sources.flatMap(built),
  ...programs.map((name) => join('dist', name)),
  ...beside,
  ...pages,
];
const packed = filesIn(unpacked);
const isModule = (path: string) => path.startsWith('dist/modules/');
deepStrictEqual(
  packed.filter((path) => !isModule(path)).sort(),
  expected.sort(),
  'the tarball holds exactly floors 1 and 2, and what their users read',
);

const unknown = packed
  .filter(isModule)
  .filter((path) => path !== 'dist/modules/package.json')
  .filter((path) => !sources.includes(path.slice('dist/modules/'.length).replace(/\.js$/, '.ts')));
deepStrictEqual(unknown, [], 'each ES module is a file of the sources');

// test/docs/links.test.ts checks the anchors.
const broken = ['README.md', ...pages].flatMap((page) =>
  [...readFileSync(join(unpacked, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
    .map(([, file = '']) => join(dirname(page), file))
    .filter((file) => !packed.includes(file)),
);
deepStrictEqual(broken, [], 'every link of README and docs leads to a file of the tarball');

const manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
const required = packed
  .filter((path) => path.endsWith('.js'))
  .flatMap((path) => [...readFileSync(join(unpacked, path), 'utf8').matchAll(/require\("([^."][^"]*)"\)/g)])
  .map(([, specifier = '']) => specifier.match(/^(?:@[^/]+\/)?[^/]+/)?.[0] ?? specifier)
  .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
const peers = Object.keys(manifest.peerDependencies);
deepStrictEqual(
  peers.sort(),
  ['@opentelemetry/api', 'express', 'ioredis'],
  'express and ioredis are peers, and OpenTelemetry an optional one',
);
deepStrictEqual(
  Object.keys(manifest.dependencies).sort(),
  [...new Set(required)].filter((name) => !peers.includes(name)).sort(),
  'the dependencies are exactly what the code requires',
);
console.log(`${packed.length} files, dependencies: ${Object.keys(manifest.dependencies).join(', ')}`);
