import { once } from 'node:events';
import { createServer } from 'node:net';
import { ServiceExit } from './service-process.js';

// Below the ephemeral ranges of Linux (32768) and macOS (49152): no outgoing connection can take such a port
// while its service restarts. Random, so that processes starting together seldom meet.
const FIRST_PORT = 15_000;
const PORTS = 15_000;
const ATTEMPTS = 10;

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** A TCP port on 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
}

/** Starts something on a free port, again on another one when somebody else was faster. */
export async function onFreePort<T>(start: (port: number) => Promise<T>, pick = freePort): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await pick());
    } catch (error) {
      const lostRace = error instanceof ServiceExit && error.portTaken;
      if (!lostRace || attempt === ATTEMPTS) throw error;
    }
  }
}
