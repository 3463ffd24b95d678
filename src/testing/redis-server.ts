import { onFreePort } from './free-port.js';
import { startKeeper } from './keeper.js';
import { runService } from './service-process.js';

export interface StartRedisOptions {
  /** The path of redis-server or valkey-server. */
  readonly command: string;
  /** Further redis-server options; they win over the defaults. */
  readonly args?: readonly string[];
  /** A configuration file, which Sentinel insists on. */
  readonly configFile?: string | undefined;
  readonly port?: number | undefined;
}

export interface RunningRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const READY = /Ready to accept connections|Sentinel ID is/;

/** Starts a Redis on 127.0.0.1 without persistence, which dies with this process. */
export async function startRedisServer({ port, ...options }: StartRedisOptions): Promise<RunningRedis> {
  const start = (port: number) => startOn(port, options);
  return port === undefined ? onFreePort(start) : start(port);
}

async function startOn(
  port: number,
  { command, args = [], configFile }: Omit<StartRedisOptions, 'port'>,
): Promise<RunningRedis> {
  const keeper = startKeeper();
  const address = ['--port', `${port}`, '--bind', '127.0.0.1'];
  const files = ['--dir', keeper.directory, '--save', '', '--appendonly', 'no'];
  try {
    const { pid, stop } = await runService({
      command,
      args: [...(configFile ? [configFile] : []), ...address, ...files, ...args],
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
