const CLEANUP_TIMEOUT_MS = 5_000;
// Ctrl-C reaches us from the terminal and once more from npm, which passes it on.
const SAME_SIGNAL_WITHIN_MS = 500;
const PARENT_CHECK_MS = 250;

export interface ShutdownOptions {
  /** Resolves when the last request has been answered. */
  closeServer: () => Promise<void>;
  /** What the requests needed, closed in this order. One that fails or hangs does not keep the others open. */
  cleanup: ReadonlyArray<() => Promise<unknown>>;
  log: (line: string) => void;
}

/** Ends the process gracefully on the first SIGTERM or SIGINT, and at once on the second. */
export function shutdownOnSignal({ closeServer, cleanup, log }: ShutdownOptions): void {
  let begunAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (begunAt !== undefined) {
      if (performance.now() - begunAt > SAME_SIGNAL_WITHIN_MS) process.exit(1);
      return;
    }
    begunAt = performance.now();
    log(`${signal}: finishing requests in flight; once more to stop at once`);
    void closeServer()
      .then(() => cleanUp(cleanup, log))
      .then((clean) => process.exit(clean ? 0 : 1));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Ends the process as SIGTERM would once its parent is gone, which no signal tells of when the parent was killed. */
export function endWithParent(parent: number): void {
  const check = () => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  };
  const timer = setInterval(check, PARENT_CHECK_MS).unref();
  check();
}

/** Runs the steps in order, each for a bounded time; false when one of them failed. */
export async function cleanUp(
  steps: ReadonlyArray<() => Promise<unknown>>,
  log: (line: string) => void,
): Promise<boolean> {
  let clean = true;
  for (const step of steps) {
    try {
      await within(CLEANUP_TIMEOUT_MS, step());
    } catch (error) {
      clean = false;
      log(`shutdown: ${(error as Error).message}`);
    }
  }
  return clean;
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a step took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
