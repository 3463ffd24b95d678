import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Proxy {
  port: number;
  /** The chunks that clients sent, in the order in which they were seen. */
  writes: Buffer[];
  /** Holds everything back, in both directions, until `thaw`. */
  freeze(): void;
  /** Lets everything through again, what was held back first. */
  thaw(): void;
  /** Takes bytes in both directions and drops them, until `thaw`. */
  swallow(): void;
  /** Closes the connections that are open, with a reset; new ones are accepted. */
  sever(): void;
  /** Passes everything on this much later, in both directions. */
  delay(ms: number): void;
  /** Leads new connections to another port, as a name does after a failover; those that are open stay. */
  retarget(port: number): void;
  close(): Promise<void>;
}

/** A TCP proxy on 127.0.0.1 that can misbehave as networks do. */
export async function startProxy(targetPort: number): Promise<Proxy> {
  const writes: Buffer[] = [];
  const open = new Set<Socket>();
  let dropping = false;
  let delayMs = 0;
  let port = targetPort;
  let gate: Promise<void> | undefined;
  let openGate = () => {};

  function setMode(mode: 'pass' | 'hold' | 'drop') {
    dropping = mode === 'drop';
    openGate();
    gate = undefined;
    if (mode === 'hold') {
      gate = new Promise((resolve) => {
        openGate = resolve;
      });
    }
  }

  function forward(from: Socket, to: Socket, onData: (chunk: Buffer) => void) {
    // One chain per direction: bytes must not overtake each other when the delay changes.
    let queue = Promise.resolve();
    const enqueue = (act: () => void) => {
      const due = Date.now() + delayMs;
      queue = queue.then(async () => {
        if (due > Date.now()) await sleep(due - Date.now());
        while (gate) await gate;
        if (!dropping) act();
      });
    };
    open.add(from);
    from.on('data', (chunk: Buffer) => {
      onData(chunk);
      if (!dropping) enqueue(() => to.write(chunk));
    });
    from.on('error', () => {});
    from.on('close', (hadError) => {
      open.delete(from);
      if (hadError) to.destroy();
      else enqueue(() => to.end());
    });
  }

  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) socket.setNoDelay(true);
    forward(client, upstream, (chunk) => writes.push(chunk));
    forward(upstream, client, () => {});
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const sever = () => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    writes,
    freeze: () => setMode('hold'),
    thaw: () => setMode('pass'),
    swallow: () => setMode('drop'),
    sever,
    delay(ms) {
      delayMs = ms;
    },
    retarget(to) {
      port = to;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      setMode('drop');
      sever();
      await closed;
    },
  };
}
