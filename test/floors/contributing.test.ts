import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
const [, map = ''] = page.match(/^## The map of the house\n\n```\n(.*?)```$/ms)!;

// Indented lines are folders of the line above that is indented less.
function foldersOfMap(): string[] {
  const path: string[] = [];
  return [...map.matchAll(/^( *)(\S+)\/ /gm)].map(([, indent = '', folder = '']) => {
    path.splice(indent.length / 2, path.length, folder);
    return path.join('/');
  });
}

test.each(['src', 'middleware'])(
  'the map of CONTRIBUTING.md shows every room of %s/, and none that is gone',
  (floor) => {
    const rooms = readdirSync(join(root, floor), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const shown = foldersOfMap().filter(
      (folder) => folder.startsWith(`${floor}/`) && folder.split('/').length === 2,
    );
    expect(shown.sort()).toEqual(rooms.map(({ name }) => `${floor}/${name}`).sort());
  },
);

test('every file and folder that CONTRIBUTING.md names exists', () => {
  const named = [
    ...page.matchAll(/`((?:src|middleware|routes|server|test|scripts|bench|docs|examples)\/[\w./-]*)`/g),
  ];
  const paths = [...foldersOfMap(), ...named.map(([, path = '']) => path)];
  expect(paths.length).toBeGreaterThan(30);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
