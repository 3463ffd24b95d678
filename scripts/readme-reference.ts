import { ERROR_CATALOGUE } from '../src/errors.js';
import { NOTICE_CATALOGUE } from '../src/notices.js';
import { optionsOf } from './options-reference.js';

const SECTION = /(<!-- reference: (\w+) -->\n)(.*?)(<!-- end -->)/gs;
const LITERAL = /^(?:'.*'|[\d_.]+|true|false|\[.*\]|\{.*\})$/;

/** README.md with every section between `<!-- reference: … -->` and `<!-- end -->` made from the sources. */
export function withReference(readme: string): string {
  return readme.replace(SECTION, (_all, open: string, name: string, _old: string, end: string) => {
    const rows = name === 'errors' ? errorRows() : optionRows(name);
    return `${open}\n${rows.map(tableRow).join('\n')}\n\n${end}`;
  });
}

/** docs/errors.md: a section per code, for links from log lines and answers. */
export function errorsPage(): string {
  const errors = Object.entries(ERROR_CATALOGUE).map(
    ([name, { help, status }]) => `## ${name}\n\n${help}\n\nStatus ${status}.`,
  );
  const notices = Object.entries(NOTICE_CATALOGUE).map(([name, help]) => `## ${name}\n\n${help}`);
  const intro =
    'Every error of the toolkit is a `ToolkitError` with one of these codes. Made from `src/errors.ts` by `npm run docs`.';
  const noticesIntro =
    'A notice is logged once per kind, or given to `onError`; nothing is thrown. Made from `src/notices.ts`.';
  return `${['# Errors', intro, ...errors, '# Notices', noticesIntro, ...notices].join('\n\n')}\n`;
}

function optionRows(interfaceName: string): string[][] {
  const rows = optionsOf(interfaceName).map(({ name, type, fallback, meaning }) => [
    code(name),
    code(type),
    LITERAL.test(fallback) ? code(fallback) : fallback,
    meaning,
  ]);
  return [['Option', 'Type', 'Default', 'Meaning'], ['---', '---', '---', '---'], ...rows];
}

function errorRows(): string[][] {
  const errors = Object.entries(ERROR_CATALOGUE).map(([name, { help, status }]) => [
    code(name),
    String(status),
    help,
  ]);
  const notices = Object.entries(NOTICE_CATALOGUE).map(([name, help]) => [code(name), 'logged', help]);
  return [['Code', 'Status', 'When'], ['---', '---', '---'], ...errors, ...notices];
}

const code = (text: string) => `\`${text}\``;
const tableRow = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
