import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { optionsOf } from '../scripts/options-reference.js';
import { errorsPage, withReference } from '../scripts/readme-reference.js';
import { ERROR_CATALOGUE } from '../src/errors.js';
import { NOTICE_CATALOGUE } from '../src/notices.js';

const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');
const documented = [...readme.matchAll(/<!-- reference: (\w+) -->/g)].map(([, name]) => name);

test('the README lists the options and errors that the code has (mend with: npm run docs)', () => {
  expect(readme).toBe(withReference(readme));
});

test('every middleware has its table', () => {
  expect(documented).toEqual(
    expect.arrayContaining([
      'ConnectRedisOptions',
      'RateLimitOptions',
      'SessionOptions',
      'CacheResponseOptions',
      'InvalidateOnOptions',
      'errors',
    ]),
  );
});

test('an option is a row with its name, type, default and meaning', () => {
  expect(optionsOf('ConnectRedisOptions').map(({ name }) => name)).toEqual(['url', 'logger']);
  const [redis] = optionsOf('SessionOptions');
  expect(redis).toMatchObject({ name: 'redis', type: 'RedisClient', fallback: 'required' });
  expect(withReference('<!-- reference: SessionOptions -->\n<!-- end -->')).toContain(
    `| \`redis\` | \`RedisClient\` | required | ${redis?.meaning} |`,
  );
});

test('an error is a row with its code and status, a notice one that says "logged"', () => {
  const rows = withReference('<!-- reference: errors -->\n<!-- end -->');
  for (const [code, error] of Object.entries(ERROR_CATALOGUE)) {
    expect(rows).toContain(`| \`${code}\` | ${error.status} | ${error.help} |`);
  }
  for (const [code, help] of Object.entries(NOTICE_CATALOGUE)) {
    expect(rows).toContain(`| \`${code}\` | logged | ${help} |`);
  }
});

test('docs/errors.md has a section for each code', () => {
  expect(readFileSync(join(__dirname, '../docs/errors.md'), 'utf8')).toBe(errorsPage());
});
