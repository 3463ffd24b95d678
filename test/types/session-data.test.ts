import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('SessionData is augmented through the name of the package, and types req.session', () => {
  const tsc = join(__dirname, '../../node_modules/.bin/tsc');
  expect(execFileSync(tsc, ['-p', __dirname], { encoding: 'utf8' })).toBe('');
});
