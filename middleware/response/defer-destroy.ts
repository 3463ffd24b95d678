import type { Socket } from 'node:net';
import type { Response } from 'express';

/** How many holds defer the destruction of a socket, and whether it was asked for meanwhile. */
interface Holding {
  holders: number;
  asked: boolean;
}

// One for each socket: wrapping `destroy` for each response, a connection that is kept alive would carry them all.
const holdings = new WeakMap<Socket, Holding>();

/**
 * Puts off the destruction of a response's socket: after an error Express cuts the connection of a response that has
 * begun, and one that is held would never arrive. The returned function lets the destruction happen, once what was
 * held has left.
 */
export function deferDestroy(res: Response): () => void {
  const { socket } = res;
  if (!socket) return () => undefined;
  const holding = holdingOf(socket);
  // Requests that are pipelined share a socket, so holds may nest and need not end in order.
  holding.holders++;
  return () => {
    holding.holders--;
    if (!holding.asked) return;
    if (res.writableEnded && !res.writableFinished) res.once('finish', () => socket.destroy());
    else socket.destroy();
  };
}

function holdingOf(socket: Socket): Holding {
  const known = holdings.get(socket);
  if (known) return known;
  const { destroy } = socket;
  const holding: Holding = { holders: 0, asked: false };
  socket.destroy = function heldDestroy(error?: Error) {
    if (holding.holders === 0) return destroy.call(socket, error);
    holding.asked = true;
    return socket;
  };
  holdings.set(socket, holding);
  return holding;
}
