import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { type Socket, Server as TcpServer } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { acceptWaiting } from './accept-waiting.js';

const IN_FLIGHT_TIMEOUT_MS = 10_000;
// Longer than a request is on its way, so that what a client has sent on a kept-alive connection arrives.
const DRAIN_MS = 500;

export interface ClosableOptions {
  /** After that, requests in flight are cut off. */
  timeoutMs?: number;
  /** For how long kept-alive connections may still bring a request. */
  drainMs?: number;
  /** Accept first the connections that wait for it. */
  acceptsWaiting?: boolean;
}

/**
 * Prepares the server for a graceful end, to be called before it listens. The returned function stops accepting,
 * answers what has been sent on the connections that are open, each time as the connection's last, and then closes them.
 */
export function closable(
  server: Server,
  { timeoutMs = IN_FLIGHT_TIMEOUT_MS, drainMs = DRAIN_MS, acceptsWaiting = false }: ClosableOptions = {},
): () => Promise<void> {
  // Node's own closeIdleConnections() spares sockets that never sent a request, such as a browser's preconnects,
  // and leaves a kept-alive connection open whose last response ends after the call.
  const sockets = new Set<Socket>();
  const inFlight = new Set<ServerResponse>();
  let state: 'open' | 'draining' | 'drained' = 'open';
  const isBusy = (socket: Socket) => [...inFlight].some((res) => res.req.socket === socket);

  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // Prepended, because the application may answer within its own listener.
  server.prependListener('request', ({ socket }, res) => {
    inFlight.add(res);
    if (state !== 'open') announceEnd(inFlight);
    res.once('close', () => {
      inFlight.delete(res);
      if (state === 'drained' && !isBusy(socket)) socket.end();
    });
  });

  return async () => {
    state = 'draining';
    const closed = once(server, 'close');
    if (acceptsWaiting) await acceptWaiting(server, drainMs);
    // An HTTP server's own close() destroys idle connections at once, with the requests that lie in them unread.
    TcpServer.prototype.close.call(server);
    announceEnd(inFlight);
    const overdue = setTimeout(() => server.closeAllConnections(), timeoutMs);
    await Promise.race([closed, drain(drainMs)]);
    state = 'drained';
    for (const socket of sockets) {
      if (!isBusy(socket)) socket.destroy();
    }
    await closed;
    clearTimeout(overdue);
  };
}

async function drain(ms: number): Promise<void> {
  await sleep(ms);
  // In a process that was busy, timers are run before the sockets are read; by the next turn they were.
  await nextTurn();
}

/** Has the last response of each connection say so. One before it must not: Node would drop what is pipelined behind. */
function announceEnd(inFlight: ReadonlySet<ServerResponse>): void {
  const last = new Map([...inFlight].map((res) => [res.req.socket, res]));
  for (const res of inFlight) {
    if (res.headersSent) continue;
    if (last.get(res.req.socket) === res) res.setHeader('Connection', 'close');
    else res.removeHeader('Connection');
  }
}
