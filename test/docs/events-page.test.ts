import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { channels, eventsPage } from '../../scripts/events-reference.js';

test('docs/events.md has each channel and each field of its event (mend with: npm run docs)', () => {
  expect(readFileSync(join(__dirname, '../../docs/events.md'), 'utf8')).toBe(eventsPage());
  for (const { name, type } of channels()) {
    expect(eventsPage()).toContain(`| \`${name}\` | [${type}](#`);
    expect(eventsPage()).toContain(`### ${type}\n`);
  }
  // `route` is inherited.
  expect(eventsPage().match(/^\| `route\?` \|/gm)).toHaveLength(12);
});
