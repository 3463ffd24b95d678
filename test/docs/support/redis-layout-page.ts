import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { redisBinary } from '../../../server/services/redis-binary.js';

const root = join(__dirname, '../../..');
const page = readFileSync(join(root, 'docs/redis-layout.md'), 'utf8');

/** The rows of the table of keys: how a key begins, and its type. */
export const rows = [...page.matchAll(/^\| `([^`]+)` \| (\S+) \|/gm)].map(([, key = '', type = '']) => ({
  entity: key.slice(0, key.indexOf(':')),
  type,
}));

/** The commands of a section, one text per block. */
export function commandsOf(heading: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  const blocks = [...(section ?? '').matchAll(/^```sh\n(.*?)^```/gms)].map(([, commands = '']) => commands);
  if (blocks.length === 0) throw new Error(`docs/redis-layout.md has no commands under "${heading}"`);
  return blocks;
}

/** A shell whose redis-cli speaks to that Redis, among the scripts that the page names. */
export async function openShell(redisUrl: string) {
  // redis-cli comes with the server: in Debian's redis-server as the package redis-tools, elsewhere in the same one.
  const cli = (await redisBinary(console.log)).replace(/server$/, 'cli');
  const prelude = [
    'set -euo pipefail',
    `redis-cli() { '${cli}' -e -u '${redisUrl}' "$@" | tr -d '\\r'; }`,
    ...commandsOf('A fresh version'),
  ].join('\n');
  return {
    /** Runs commands in one shell, and gives the lines that they print. */
    async run(...commands: string[]): Promise<string[]> {
      const script = [prelude, ...commands].join('\n');
      const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: join(root, 'src/lua') });
      return stdout.trimEnd().split('\n');
    },
  };
}
