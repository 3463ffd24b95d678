import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const IN_FLIGHT_TIMEOUT_MS = 10_000;
const CLEANUP_TIMEOUT_MS = 5_000;
// Ctrl-C reaches us from the terminal and once more from npm, which passes it on.
const SAME_SIGNAL_WITHIN_MS = 500;
const PARENT_CHECK_MS = 250;

/**
 * Prepares the server for a graceful end, to be called before it listens. The returned function stops accepting, closes
 * idle connections at once, lets requests in flight finish, and cuts off those that take longer than `timeoutMs`.
 */
export function closable(server: Server, { timeoutMs = IN_FLIGHT_TIMEOUT_MS } = {}): () => Promise<void> {
  // Node's own closeIdleConnections() spares sockets that never sent a request, such as a browser's preconnects,
  // and leaves a kept-alive connection open whose last response ends after the call.
  const sockets = new Set<Socket>();
  const inFlight = new Set<ServerResponse>();
  let closing = false;
  const isBusy = (socket: Socket) => [...inFlight].some((res) => res.req.socket === socket);

  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // Prepended, because the application may answer within its own listener.
  server.prependListener('request', ({ socket }, res) => {
    inFlight.add(res);
    if (closing) res.setHeader('Connection', 'close');
    res.once('close', () => {
      inFlight.delete(res);
      if (closing && !isBusy(socket)) socket.end();
    });
  });

  return async () => {
    closing = true;
    const closed = once(server, 'close');
    server.close();
    for (const res of inFlight) {
      if (!res.headersSent) res.setHeader('Connection', 'close');
    }
    for (const socket of sockets) {
      if (!isBusy(socket)) socket.destroy();
    }
    const overdue = setTimeout(() => server.closeAllConnections(), timeoutMs);
    await closed;
    clearTimeout(overdue);
  };
}

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
