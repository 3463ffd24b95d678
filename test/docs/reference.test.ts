import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as toolkit from '../../index.js';
import { docsPages } from '../../scripts/docs-pages.js';
import { errorsPage, withReference } from '../../scripts/docs-reference.js';
import { optionsOf } from '../../scripts/options-reference.js';

const root = join(__dirname, '../..');
const pages = docsPages();
const frontDoors = ['index.ts', 'ops.ts'].map((door) => readFileSync(join(root, door), 'utf8')).join('\n');

test.each(pages)('$path lists the options that the code has (mend with: npm run docs)', ({ text }) => {
  expect(text).toBe(withReference(text));
});

test('docs/errors.md has a section for each error and notice (mend with: npm run docs)', () => {
  expect(readFileSync(join(root, 'docs/errors.md'), 'utf8')).toBe(errorsPage());
  const codes = [...Object.keys(toolkit.ERROR_CATALOGUE), ...Object.keys(toolkit.NOTICE_CATALOGUE)];
  for (const code of codes) expect(errorsPage()).toContain(`\n### ${code}\n`);
});

test('every exported function has a page of its own in docs/reference', () => {
  const functions = Object.entries(toolkit).filter(
    ([name, value]) => typeof value === 'function' && name !== 'ToolkitError',
  );
  const files = functions.map(
    ([name]) => `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.md`,
  );
  expect(readdirSync(join(root, 'docs/reference')).sort()).toEqual(files.sort());
});

test('every exported options type has one table', () => {
  const exported = [...frontDoors.matchAll(/(\w+Options)\b/g)].map(([, name]) => name!);
  // What bullOptions returns is for BullMQ.
  const options = exported.filter((name) => name !== 'bullOptions' && name !== 'BullOptions');
  const tables = pages.flatMap(({ text }) =>
    [...text.matchAll(/<!-- reference: (\w+) -->/g)].map(([, name]) => name!),
  );
  expect(tables.toSorted()).toEqual([...new Set([...options, 'RateLimitPolicy'])].toSorted());
});

test('an option is a row with its name, type, default and meaning', () => {
  expect(optionsOf('ConnectRedisOptions').map(({ name }) => name)).toEqual(['url', 'logger']);
  const [redis] = optionsOf('SessionOptions');
  expect(redis).toMatchObject({ name: 'redis', type: 'RedisClient', fallback: 'required' });
  expect(withReference('<!-- reference: SessionOptions -->\n<!-- end -->')).toContain(
    `| \`redis\` | \`RedisClient\` | required | ${redis?.meaning} |`,
  );
});
