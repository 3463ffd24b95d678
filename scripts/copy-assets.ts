import { cpSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';

const root = join(__dirname, '..');
const copied = new Set(['.lua', '.sql']);

for (const floor of ['src', 'server']) {
  for (const path of readdirSync(join(root, floor), { recursive: true, encoding: 'utf8' })) {
    if (copied.has(extname(path))) cpSync(join(root, floor, path), join(root, 'dist', floor, path));
  }
}
