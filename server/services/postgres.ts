import { randomBytes } from 'node:crypto';
import { chown, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Account,
  type Keeper,
  onFreePort,
  runService,
  runToEnd,
  type ServiceProcess,
  startKeeper,
} from '../../src/testing/index.js';
import {
  findPostgresBinaries,
  type PostgresBinaries,
  reachableBinaries,
  unprivilegedAccount,
} from './postgres-binaries.js';

export interface RunningPostgres {
  url: string;
  port: number;
  pid: number;
  stop(): Promise<void>;
}

interface Cluster {
  keeper: Keeper;
  binaries: PostgresBinaries;
  account: Account | undefined;
  data: string;
  password: string;
}

// SIGQUIT is PostgreSQL's immediate shutdown: unlike SIGKILL it gives its shared memory back to the system.
const STOP_SIGNAL = 'SIGQUIT';

// The data is thrown away at the end, so nothing has to reach the disk.
const SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=200'];

/** Starts a PostgreSQL of our own on 127.0.0.1 with an empty cluster in a temporary directory. */
export async function startPostgres({
  log = () => {},
}: {
  log?: (line: string) => void;
} = {}): Promise<RunningPostgres> {
  const installed = await findPostgresBinaries();
  const account = await unprivilegedAccount();
  // Root's own TMPDIR may be closed to the account that PostgreSQL runs under.
  const keeper = startKeeper(account ? '/tmp' : tmpdir());
  try {
    if (account) await chown(keeper.directory, account.uid, account.gid);
    const binaries = await reachableBinaries(installed, account, keeper.directory);
    const cluster: Cluster = {
      keeper,
      binaries,
      account,
      data: join(keeper.directory, 'data'),
      password: randomBytes(18).toString('base64url'),
    };
    log('PostgreSQL: creating a cluster …');
    await createCluster(cluster);
    const { port, pid, stop } = await onFreePort((port) => startPostgresOn(port, cluster));
    log(`PostgreSQL: running on postgres://127.0.0.1:${port} (pid ${pid})`);
    return { url: `postgres://postgres:${cluster.password}@127.0.0.1:${port}/postgres`, port, pid, stop };
  } catch (error) {
    await keeper.close();
    throw error;
  }
}

async function createCluster({ keeper, binaries, account, data, password }: Cluster): Promise<void> {
  const passwordFile = join(keeper.directory, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account) await chown(passwordFile, account.uid, account.gid);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  await runToEnd({
    command: binaries.initdb,
    args: [`--pgdata=${data}`, '--no-sync', '--no-instructions', ...locale, ...access],
    keeper,
    account,
    stopSignal: 'SIGKILL',
  });
  await rm(passwordFile);
}

async function startPostgresOn(port: number, cluster: Cluster): Promise<ServiceProcess & { port: number }> {
  const { binaries, keeper, account, data } = cluster;
  const settings = [...SETTINGS, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
  const service = await runService({
    command: binaries.postgres,
    args: ['-D', data, '-p', `${port}`, ...settings.flatMap((setting) => ['-c', setting])],
    keeper,
    account,
    stopSignal: STOP_SIGNAL,
    ready: /ready to accept connections/,
  });
  return { ...service, port };
}
