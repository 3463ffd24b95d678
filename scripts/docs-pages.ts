import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..');

/** A page that users read: README.md, or a file of docs/. */
export interface Page {
  /** Relative to the repository, e.g. `docs/guides/caching.md`. */
  readonly path: string;
  readonly text: string;
}

export function docsPages(): Page[] {
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .sort()
    .map((file) => join('docs', file));
  return ['README.md', ...inDocs].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}
