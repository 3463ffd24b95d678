import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { breachesIn } from './rooms.js';

const FOLDERS = ['src', 'middleware', 'routes', 'server', 'bench', 'examples', 'scripts'];

// Tests may import any file, so they are not read.
const paths = ['.', ...FOLDERS.filter((folder) => existsSync(folder))].flatMap((folder) =>
  readdirSync(folder, { recursive: folder !== '.', encoding: 'utf8' })
    .map((path) => (folder === '.' ? path : `${folder}/${path.replaceAll('\\', '/')}`))
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules/')),
);
const breaches = breachesIn(new Map(paths.map((path) => [path, readFileSync(path, 'utf8')])));

for (const breach of breaches) console.error(breach);
console.log(`Checked the rooms of ${paths.length} files: ${breaches.length} breaches.`);
process.exitCode = breaches.length === 0 ? 0 : 1;
