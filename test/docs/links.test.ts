import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { expect, test } from 'vitest';
import { docsPages, type Page } from '../../scripts/docs-pages.js';

const root = join(__dirname, '../..');
const pages = docsPages();
const packed = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] }).files;
// npm adds these whatever `files` says.
const ALWAYS_PACKED = ['README.md', 'LICENSE', 'package.json'];

interface Link {
  readonly from: string;
  readonly to: string;
}

const withoutCode = (text: string) => text.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, '``');

const linksOf = ({ path, text }: Page): Link[] =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, to = '']) => ({ from: path, to }))
    .filter(({ to }) => !/^https?:/.test(to));

/** The anchors that GitHub and npm give to the headings of a page. */
function anchorsOf(text: string): string[] {
  const headings = [...text.replace(/^```.*?^```/gms, '').matchAll(/^#+ (.*)$/gm)];
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const links = pages.flatMap(linksOf);

test('every relative link of README and docs leads to a file, and to a heading of it', () => {
  expect(links.length).toBeGreaterThan(50);
  const broken = links.filter(({ from, to }) => {
    const [file = '', anchor] = to.split('#');
    const path = file === '' ? from : normalize(join(dirname(from), file));
    if (!existsSync(join(root, path))) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(join(root, path), 'utf8')).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test('every file that README and docs link to is in the npm package', () => {
  const isPacked = (path: string) =>
    [...packed, ...ALWAYS_PACKED].some((entry) => path === entry || path.startsWith(`${entry}/`));
  const files = links.map(({ from, to }) => relative('.', join(dirname(from), to.split('#')[0] || '.')));
  expect(files.filter((path, at) => !links[at]!.to.startsWith('#') && !isPacked(path))).toEqual([]);
});

test('every page is linked from docs/README.md', () => {
  const index = pages.find(({ path }) => path === 'docs/README.md')!;
  const linked = linksOf(index).map(({ to }) => normalize(join('docs', to.split('#')[0]!)));
  const missing = pages.filter(({ path }) => path !== 'docs/README.md' && !linked.includes(path));
  expect(missing.map(({ path }) => path)).toEqual([]);
});
