import type { Response } from 'express';

/**
 * Puts off the destruction of a response's socket: after an error Express cuts the connection of a response that has
 * begun, and one that is held would never arrive. The returned function lets the destruction happen, once what was
 * held has left.
 */
export function deferDestroy(res: Response): () => void {
  const { socket } = res;
  if (!socket) return () => undefined;
  const { destroy } = socket;
  let holding = true;
  let asked = false;
  // Requests that are pipelined share a socket, so holds may nest and need not end in order.
  socket.destroy = function heldDestroy(error?: Error) {
    if (!holding) return destroy.call(socket, error);
    asked = true;
    return socket;
  };
  return () => {
    holding = false;
    if (!asked) return;
    if (res.writableEnded && !res.writableFinished) res.once('finish', () => socket.destroy());
    else socket.destroy();
  };
}
