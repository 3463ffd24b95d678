import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A Node, and the version that it is. */
export interface ChosenNode {
  readonly path: string;
  readonly version: string;
}

const PLATFORM = process.platform === 'win32' ? 'win' : process.platform;
const PACKAGE = `node-${PLATFORM}-${process.arch}`;

/**
 * The running Node, or the latest of another major version. npm has the binaries of Node in a package for each platform;
 * it is installed into node_modules/.cache when it is first asked for.
 */
export function chosenNode(major: string | undefined): ChosenNode {
  if (major === undefined || process.versions.node.startsWith(`${major}.`))
    return { path: process.execPath, version: process.version };
  if (!/^\d+$/.test(major)) throw new Error(`Give a major version such as 24, not ${major}`);
  const folder = join(__dirname, '../node_modules/.cache/nodes', major);
  const path = join(folder, 'node_modules', PACKAGE, 'bin', PLATFORM === 'win' ? 'node.exe' : 'node');
  if (!existsSync(path)) {
    const install = [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      `${PACKAGE}@${major}`,
    ];
    execFileSync('npm', install, { stdio: ['ignore', 'ignore', 'inherit'], shell: PLATFORM === 'win' });
  }
  return { path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() };
}
