import {
  findRedis,
  type RunningRedis,
  type StartRedisOptions,
  startKeeper,
  startRedisServer,
} from '../../src/testing/index.js';

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it with SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** Stops it in its tracks (SIGSTOP): it accepts connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Starts it again on the same port with the files it left; kills it first when it still runs. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

function redisCommand(): string {
  const command = findRedis(process.env);
  if (command === undefined) throw new Error('install redis-server: the tests start servers of their own');
  return command;
}

/** A Redis of the test's own, with faults. It dies with the test run. */
export async function startRedis({
  args = [],
  ...options
}: Partial<StartRedisOptions> = {}): Promise<TestRedis> {
  // Its files outlive a kill, as on a real machine, so that nodes.conf or an append-only file is there on restart.
  const home = startKeeper();
  const start = (port?: number): Promise<RunningRedis> =>
    startRedisServer({ command: redisCommand(), ...options, port, args: ['--dir', home.directory, ...args] });
  let current = await start(options.port);
  return {
    url: current.url,
    port: current.port,
    get pid() {
      return current.pid;
    },
    kill: () => current.stop(),
    freeze: () => void process.kill(current.pid, 'SIGSTOP'),
    thaw: () => void process.kill(current.pid, 'SIGCONT'),
    async restart() {
      await current.stop();
      current = await start(current.port);
    },
    async stop() {
      await current.stop();
      await home.close();
    },
  };
}
