import type { Server } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Accepts the connections that wait for it, before the server stops listening: with the listening socket the kernel
 * would reset them, and with them the requests that they have brought.
 */
export async function acceptWaiting(server: Server, mostMs: number): Promise<void> {
  const until = performance.now() + mostMs;
  let accepted = 0;
  const count = () => void accepted++;
  server.on('connection', count);
  for (let before = -1; before !== accepted && performance.now() < until; ) {
    before = accepted;
    // Node reads its sockets between two turns.
    await nextTurn();
    await nextTurn();
  }
  server.off('connection', count);
}
