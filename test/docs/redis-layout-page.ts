import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { redisBinary } from '../../server/services/redis-binary.js';

const page = readFileSync(join(__dirname, '../../docs/redis-layout.md'), 'utf8');

/** The Lua files that the page shows, by name. */
export const scripts = new Map(
  [...page.matchAll(/^```lua (\S+)\n(.*?)^```/gms)].map(([, name = '', lua = '']) => [name, lua]),
);

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

/** A shell whose redis-cli speaks to that Redis, in a directory that holds the page's Lua files. */
export async function openShell(redisUrl: string) {
  const directory = await mkdtemp(join(tmpdir(), 'redis-layout-'));
  for (const [name, lua] of scripts) await writeFile(join(directory, name), lua);
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
      const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: directory });
      return stdout.trimEnd().split('\n');
    },
    close: () => rm(directory, { recursive: true }),
  };
}
