import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface EventField {
  readonly name: string;
  readonly type: string;
  readonly meaning: string;
}

const read = (file: string) => readFileSync(join(__dirname, '..', file), 'utf8');
const types = read('src/request-events.ts') + read('src/value-and-lock-events.ts');
const index = read('src/diagnostics.ts');

const FIELD = /^ {2}(?:\/\*\* (.*?) \*\/\s+)?readonly (\w+\??): (.*?);$/gms;

/** The channels, in order, with the type of their events. */
export function channels(): { readonly name: string; readonly type: string }[] {
  const body = /export interface DiagnosticEvents \{\n(.*?)\n\}/s.exec(index)![1]!;
  return [...body.matchAll(/^ {2}'?([\w-]+)'?: (\w+);$/gm)].map(([, name, type]) => ({
    name: name!,
    type: type!,
  }));
}

function declarationOf(type: string) {
  const found = new RegExp(
    `/\\*\\* ([^\\n]*?) \\*/\\nexport interface ${type}(?: extends (\\w+))? \\{\\n(.*?)\\n\\}`,
    's',
  ).exec(types);
  if (!found) throw new Error(`src/request-events.ts has no documented interface ${type}.`);
  return { meaning: found[1]!, parent: found[2], body: found[3]! };
}

function fieldsOf(type: string): EventField[] {
  const { parent, body } = declarationOf(type);
  const own = [...body.matchAll(FIELD)].map(([, meaning, name = '', fieldType = '']) => {
    if (!meaning) throw new Error(`${type}.${name} needs a comment.`);
    return { name, type: fieldType, meaning };
  });
  return parent ? [...own, ...fieldsOf(parent)] : own;
}

function sectionOf(type: string): string {
  const names = channels().flatMap((each) => (each.type === type ? `\`${each.name}\`` : []));
  const rows = fieldsOf(type).map(
    (field) => `| \`${field.name}\` | \`${field.type.replaceAll('|', '\\|')}\` | ${field.meaning} |`,
  );
  const table = ['| Field | Type | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
  return `### ${type}\n\n${names.join(', ')}: ${declarationOf(type).meaning}\n\n${table}`;
}

const INTRO = `# Events

This page is made from \`src/request-events.ts\` and \`src/value-and-lock-events.ts\` by \`npm run docs\`.

Every decision is published on Node's [diagnostics_channel](https://nodejs.org/api/diagnostics_channel.html), on the channel \`express-redis-toolkit:<name>\`. Nothing is built while nobody listens. The types are exported:

\`\`\`ts
import { subscribe } from 'node:diagnostics_channel';
import type { DiagnosticEvents } from 'express-redis-toolkit';

subscribe('express-redis-toolkit:refused', (message) => {
  const { identifier, key, route } = message as DiagnosticEvents['refused'];
  console.warn(\`\${identifier} refused \${key} on \${route ?? 'an unknown route'}\`);
});
\`\`\`

When several requests of one turn of the event loop share a question to Redis, its answer is published for each of them. A subscriber runs in the middle of the request: keep it short. Node reports an error that it throws as an uncaught exception. Events name clients, keys and tags, so treat them as you treat logs. In metrics use only \`identifier\`, \`route\` and the fields with a few fixed words.`;

/** docs/events.md: a section per type of event. */
export function eventsPage(): string {
  const kinds = [...new Set(channels().map(({ type }) => type))];
  const list = channels().map(({ name, type }) => `| \`${name}\` | [${type}](#${type.toLowerCase()}) |`);
  const table = ['| Channel | Event |', '| --- | --- |', ...list].join('\n');
  return `${[INTRO, '## Channels', table, '## The events', ...kinds.map(sectionOf)].join('\n\n')}\n`;
}
