import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Answers one request on its connection, byte by byte if it wants. */
export type Script = (socket: Socket, request: string) => void;

/** An origin that speaks TCP, so that it may break every rule of HTTP. It answers each path by its script. */
export async function startRawOrigin() {
  const scripts = new Map<string, Script>();
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    let request = '';
    let answering = false;
    socket.on('data', (chunk) => {
      request += chunk.toString('latin1');
      const end = request.indexOf('\r\n\r\n');
      if (end < 0 || answering) return;
      answering = true;
      scripts.get(request.split(' ')[1]!)?.(socket, request);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    script: (path: string, script: Script) => void scripts.set(path, script),
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

/** What a client that sends these bytes receives until its connection ends. */
export async function exchange(port: number, sent: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
  socket.on('error', () => {});
  socket.write(sent, 'latin1');
  await once(socket, 'close');
  return received;
}
