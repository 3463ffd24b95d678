import { ERROR_CATALOGUE } from '../src/error-catalogue.js';
import { NOTICE_CATALOGUE } from '../src/notices.js';
import { cacheReasonTable } from './cache-reasons.js';
import { optionsOf } from './options-reference.js';

const SECTION = /(<!-- reference: (\w+) -->\n)(.*?)(<!-- end -->)/gs;
const REASONS = /(<!-- reasons -->\n)(.*?)(<!-- end -->)/s;
const LITERAL = /^(?:'.*'|[\d_.]+|true|false|\[.*\]|\{.*\})$/;

/** A page with every section between `<!-- reference: … -->` and `<!-- end -->` made from the sources, and that of the reasons. */
export function withReference(page: string): string {
  return page
    .replace(SECTION, (_all, open: string, name: string, _old: string, end: string) => {
      return `${open}\n${optionRows(name).map(tableRow).join('\n')}\n\n${end}`;
    })
    .replace(REASONS, (_all, open: string, _old: string, end: string) => {
      return `${open}\n${cacheReasonTable()}\n\n${end}`;
    });
}

/** docs/errors.md: a section per code, for links from log lines and answers. */
export function errorsPage(): string {
  const errors = Object.entries(ERROR_CATALOGUE).map(
    ([name, { help, status }]) => `### ${name}\n\n${help}\n\nStatus ${status}.`,
  );
  const notices = Object.entries(NOTICE_CATALOGUE).map(([name, help]) => `### ${name}\n\n${help}`);
  return `${[ERRORS_INTRO, ...errors, NOTICES_INTRO, ...notices].join('\n\n')}\n`;
}

const ERRORS_INTRO = `# Errors

This page is made from \`src/error-catalogue.ts\` and \`src/notices.ts\` by \`npm run docs\`.

## Errors by code

Every error of the toolkit is a \`ToolkitError\`. It has a \`code\`, the HTTP \`status\` of the answer, a message and, where there is one, a \`cause\`. A wrong or unknown option throws when the middleware is made. Errors at run time go to Express' error handler; [a recipe](guides/recipes.md#answer-errors) answers them.`;

const NOTICES_INTRO = `## Notices by code

A notice is logged once per kind, or given to \`onError\`. Nothing is thrown.`;

function optionRows(interfaceName: string): string[][] {
  const rows = optionsOf(interfaceName).map(({ name, type, fallback, meaning }) => [
    code(name),
    code(type),
    LITERAL.test(fallback) ? code(fallback) : fallback,
    meaning,
  ]);
  return [['Option', 'Type', 'Default', 'Meaning'], ['---', '---', '---', '---'], ...rows];
}

const code = (text: string) => `\`${text}\``;
const tableRow = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
