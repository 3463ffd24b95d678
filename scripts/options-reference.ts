import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Option {
  name: string;
  type: string;
  fallback: string;
  meaning: string;
}

const root = join(__dirname, '..');
const sources = ['src', 'middleware']
  .flatMap((floor) =>
    readdirSync(join(root, floor), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(root, floor, file),
    ),
  )
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

const MEMBER = /^ {2}(?:\/\*\*(.*?)\*\/\s+)?(?:readonly )?(\w+)(\??): (.*?);$/gms;

/** The options that an interface declares itself, in order. */
export function optionsOf(interfaceName: string): Option[] {
  const body = sources.match(
    new RegExp(`^export interface ${interfaceName}\\b[^{]*\\{\n(.*?)\n\\}`, 'ms'),
  )?.[1];
  if (body === undefined) throw new Error(`There is no interface ${interfaceName} in src/ or middleware/.`);
  return [...body.matchAll(MEMBER)].map(([, comment = '', name = '', optional, type = '']) => {
    const [meaning = '', fallback] = prose(comment).split(/\s*@default\s+/);
    if (!meaning) throw new Error(`${interfaceName}.${name} needs a comment.`);
    if (optional && fallback === undefined)
      throw new Error(`${interfaceName}.${name} needs an @default tag.`);
    return { name, type: type.replace(/\s+/g, ' '), fallback: fallback ?? 'required', meaning };
  });
}

function prose(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s*/, '').trim())
    .join(' ')
    .trim();
}
