import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandProbes } from '../../../src/operations/command-probes.js';

const LUA = join(__dirname, '../../../src/lua');

test('doctor tries each command that a script of the toolkit calls', () => {
  const files = readdirSync(LUA, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.lua'),
  );
  const called = files.flatMap((name) =>
    [...readFileSync(join(LUA, name), 'utf8').matchAll(/redis\.p?call\('(\w+)'/g)].map(
      ([, command]) => command!,
    ),
  );
  const tried = new Set(commandProbes('', 'id').map(([, command]) => command.toUpperCase()));
  // The channels are tried apart.
  expect([...new Set(called)].filter((command) => !tried.has(command) && command !== 'PUBLISH')).toEqual([]);
});
