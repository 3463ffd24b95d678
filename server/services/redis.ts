import { onFreePort } from './free-port.js';
import { startKeeper } from './keeper.js';
import { redisBinary } from './redis-binary.js';
import { runService } from './service-process.js';

export interface StartRedisOptions {
  /** Further redis-server options; they win over the defaults. */
  args?: string[];
  /** A configuration file, which Sentinel insists on. */
  configFile?: string;
  port?: number;
  log?: (line: string) => void;
}

export interface RunningRedis {
  url: string;
  port: number;
  pid: number;
  stop(): Promise<void>;
}

const READY = /Ready to accept connections|Sentinel ID is/;

/** Starts a Redis of our own on 127.0.0.1, without persistence. */
export async function startRedis({
  args = [],
  configFile,
  port,
  log = () => {},
}: StartRedisOptions = {}): Promise<RunningRedis> {
  const command = await redisBinary(log);
  const start = (port: number) => startOn(port, command, args, configFile);
  const redis = await (port === undefined ? onFreePort(start) : start(port));
  log(`Redis: running on ${redis.url} (pid ${redis.pid})`);
  return redis;
}

async function startOn(
  port: number,
  command: string,
  args: string[],
  configFile?: string,
): Promise<RunningRedis> {
  const keeper = startKeeper();
  const ownArgs = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    keeper.directory,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  try {
    const { pid, stop } = await runService({
      command,
      args: [...(configFile ? [configFile] : []), ...ownArgs, ...args],
      keeper,
      // Nothing to save, and a frozen Redis hears no other signal.
      stopSignal: 'SIGKILL',
      ready: READY,
    });
    return { url: `redis://127.0.0.1:${port}`, port, pid, stop };
  } catch (error) {
    await keeper.close();
    throw error;
  }
}
